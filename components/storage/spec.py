"""What a user may say about where weights lie."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt

from ..spec import ObjectName, Spec

ReadRate = Annotated[
    Decimal,
    Field(
        strict=False,
        gt=0,
        le=1000,
        max_digits=7,
        decimal_places=3,
        description="GB per second (10^9 bytes) that one node reads from it; sets the start budget",
    ),
]


def _downward(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("the path leads back up, which Kubernetes refuses")
    return path


class PvcWeights(Spec):
    kind: Literal["pvc"] = Field(description="a PersistentVolumeClaim that every node can mount")
    read_gb_per_second: ReadRate
    claim: ObjectName | None = Field(
        default=None, description="an existing claim in deepseek-serving; created if absent"
    )
    storage_class: ObjectName | None = Field(
        default=None, description="class of the created claim; the cluster's default if absent"
    )
    size_gib: PositiveInt | None = Field(
        default=None, description="size of the created claim; derived from the models if absent"
    )


class HostPathWeights(Spec):
    kind: Literal["host-path"] = Field(description="a folder that every node of the pool has")
    read_gb_per_second: ReadRate
    path: Annotated[str, AfterValidator(_downward)] = Field(
        pattern=r"^/[^\s:]+$", description="the folder on the node; it must exist, never created"
    )


WeightsSpec = Annotated[PvcWeights | HostPathWeights, Field(discriminator="kind")]
