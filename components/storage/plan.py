"""Which volume holds the weights, and how fast it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..catalog.schema import Model
from ..naming import labels
from ..nodes.plan import PoolPlan
from ..problems import Problem
from .spec import HostPathWeights, PvcWeights, WeightsSpec

GIB = 2**30
MOUNT_PATH = "/weights"
# A tenth on top: file systems keep about 5 % to themselves, tokenizer and index files come along.
ROOM = (11, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumePlan:
    """A folder of the nodes as a PersistentVolume: pods then need no hostPath of their own.

    Pod Security `restricted` refuses hostPath volumes in pods, not in PersistentVolumes.
    """

    path: str
    node_labels: tuple[Mapping[str, str], ...]  # one alternative per pool that reads it


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsPlan:
    name: str
    claim: str
    creates_claim: bool
    storage_class: str | None  # None: the cluster's default; "": no provisioner
    access_mode: str
    size_gib: int
    volume: VolumePlan | None
    read_mb_per_second: int
    on_network: bool
    labels: Mapping[str, str]


def plan_weights(
    name: str,
    spec: WeightsSpec,
    models: Sequence[Model],
    pools: Sequence[PoolPlan],
    tags: Mapping[str, str],
) -> WeightsPlan:
    """Place the checkpoints of `models`, read from the nodes of `pools`."""
    rate, needed = int(spec.read_gb_per_second * 1000), size_gib(models)
    if isinstance(spec, HostPathWeights):
        return WeightsPlan(
            name=name,
            claim=f"weights-{name}",
            creates_claim=True,
            storage_class="",
            access_mode="ReadOnlyMany",
            size_gib=needed,
            volume=VolumePlan(path=spec.path, node_labels=tuple(p.node_labels for p in pools)),
            read_mb_per_second=rate,
            on_network=False,
            labels=labels(tags),
        )
    return WeightsPlan(
        name=name,
        claim=spec.claim or f"weights-{name}",
        creates_claim=spec.claim is None,
        storage_class=spec.storage_class,
        access_mode="ReadWriteMany",  # a staging job writes to it before the engines read
        size_gib=spec.size_gib or needed,
        volume=None,
        read_mb_per_second=rate,
        on_network=True,
        labels=labels(tags),
    )


def size_gib(models: Sequence[Model]) -> int:
    """Add the checkpoints of the distinct models, with ROOM on top, in GiB rounded up."""
    total = sum({model.repository: model.checkpoint.size_bytes for model in models}.values())
    return -(-total * ROOM[0] // (ROOM[1] * GIB))


def check_weights(name: str, spec: WeightsSpec, models: Sequence[Model]) -> Iterator[Problem]:
    if isinstance(spec, HostPathWeights):
        return
    yield from _check_adopted(name, spec)
    needed = size_gib(models)
    if spec.size_gib is not None and spec.size_gib < needed:
        yield Problem(
            f"weights.{name}.size_gib",
            f"{spec.size_gib} GiB cannot hold {', '.join(sorted({m.name for m in models}))}: "
            f"{needed} GiB with a tenth to spare",
            f"Set it to {needed} or more, or leave it out.",
        )


def _check_adopted(name: str, spec: PvcWeights) -> Iterator[Problem]:
    if spec.claim is None:
        return
    for field in ("storage_class", "size_gib"):
        if getattr(spec, field) is not None:
            yield Problem(
                f"weights.{name}.{field}",
                f"the claim {spec.claim!r} exists, so its {field} is not ours to decide",
                f"Leave out {field}, or leave out claim to have one created.",
            )


def weights_path(model: Model) -> str:
    """Where the checkpoint lies inside a pod: the mount, then the repository's own name."""
    return f"{MOUNT_PATH}/{model.repository}"
