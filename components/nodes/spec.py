"""What a user may say about GPU pools."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from ..catalog.load import accelerators
from ..registry import name_of
from ..spec import LabelKey, LabelValue, Spec


class PoolSpec(Spec):
    accelerator: Annotated[str, name_of("accelerator", accelerators)] = Field(
        description="the GPU of every node of the pool, an id of the catalogue"
    )
    nodes: Annotated[PositiveInt, Field(le=5000)] = Field(
        description="how many such nodes there are"
    )
    gpus_per_node: Annotated[int, Field(ge=1, le=16)] = Field(description="GPUs in each node")
    spare_nodes: NonNegativeInt = Field(
        default=0, description="nodes kept free, so that losing one loses no replica"
    )
    node_labels: dict[LabelKey, LabelValue] | None = Field(
        default=None,
        min_length=1,
        description="labels that select the nodes; those of the vendor's discovery if absent",
    )
