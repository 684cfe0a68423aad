"""Which nodes a pool is, and how many GPUs of it may be used. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from ..catalog.load import accelerators
from ..clouds.contract import Cloud
from ..problems import Problem
from .spec import PoolSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolPlan:
    name: str
    accelerator: str
    gpu_resource: str
    taint_key: str
    node_labels: Mapping[str, str]
    nodes: int
    usable_nodes: int  # nodes less spares
    gpus_per_node: int


def plan_pool(name: str, spec: PoolSpec, cloud: Cloud) -> PoolPlan:
    """Describe the pool; asked only when `check_pool` yielded nothing."""
    accelerator = accelerators()[spec.accelerator]
    return PoolPlan(
        name=name,
        accelerator=accelerator.name,
        gpu_resource=accelerator.resource,
        taint_key=accelerator.taint_key,
        node_labels=spec.node_labels or cloud.pool_labels(accelerator) or {},
        nodes=spec.nodes,
        usable_nodes=spec.nodes - spec.spare_nodes,
        gpus_per_node=spec.gpus_per_node,
    )


def check_pool(name: str, spec: PoolSpec, cloud: Cloud) -> Iterator[Problem]:
    if spec.spare_nodes >= spec.nodes:
        yield Problem(
            f"pools.{name}.spare_nodes",
            f"{spec.spare_nodes} spare of {spec.nodes} nodes leaves none to serve on",
            "Keep fewer nodes spare or add nodes.",
        )
    accelerator = accelerators()[spec.accelerator]
    if spec.node_labels is None and cloud.pool_labels(accelerator) is None:
        yield Problem(
            f"pools.{name}.node_labels",
            f"the labels of {accelerator.name} nodes could not be read from a source",
            "State the labels that select them; `kubectl get nodes --show-labels` lists them.",
        )


def nodes_needed(gpus_per_replica: Sequence[int], gpus_per_node: int) -> int:
    """Count the nodes that hold replicas of these sizes, each within one node.

    First-fit decreasing: for sizes that divide each other no packing is better. The scheduler
    places pods in an order of its own, see `may_fragment`. A replica that is larger than a node
    has to be refused before.
    """
    free: list[int] = []
    for wanted in sorted(gpus_per_replica, reverse=True):
        for position, gpus in enumerate(free):
            if gpus >= wanted:
                free[position] -= wanted
                break
        else:
            free.append(gpus_per_node - wanted)
    return len(free)


def may_fragment(gpus_per_replica: Sequence[int], nodes: int, gpus_per_node: int) -> bool:
    """Tell whether some order of placing these replicas leaves one of them without a node.

    A node refuses a replica of `size` once more than gpus_per_node - size are taken, which others
    can bring about in steps of the greatest common divisor of all sizes.
    """
    step, total = gcd(*gpus_per_replica), sum(gpus_per_replica)
    for size in set(gpus_per_replica):
        blocks = -(-(gpus_per_node - size + 1) // step) * step
        if total - size >= nodes * blocks:
            return True
    return False
