"""The stack spec: one typed object per environment, from which everything else is decided."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..clouds import clouds
from ..cluster.spec import ClusterSpec
from ..gateway.spec import GatewaySpec
from ..network.spec import NetworkSpec
from ..nodes.spec import PoolSpec
from ..registry import name_of
from ..serving.spec import ServerSpec
from ..spec import LabelKey, LabelValue, Name, Spec
from ..storage.spec import WeightsSpec


class BlueprintSpec(Spec):
    cloud: Annotated[str, name_of("cloud", clouds)] = Field(description="the place to run")
    cluster: ClusterSpec = Field(description="the Kubernetes cluster")
    network: NetworkSpec = Field(description="who reaches what")
    pools: dict[Name, PoolSpec] = Field(min_length=1, description="GPU pools by name")
    weights: dict[Name, WeightsSpec] = Field(
        default_factory=dict, description="places where checkpoints lie, by name"
    )
    servers: dict[Name, ServerSpec] = Field(min_length=1, description="model servers by name")
    gateway: GatewaySpec = Field(description="the edge that clients talk to")
    tags: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, description="labels on every object we create"
    )
