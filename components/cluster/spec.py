"""What a user may say about the cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..spec import Spec


class ClusterSpec(Spec):
    mode: Literal["adopt"] = Field(
        description="adopt: use a cluster that exists, through a context of the kubeconfig"
    )
    context: str = Field(min_length=1, description="the context of the kubeconfig to deploy to")
    dns_domain: str = Field(
        default="cluster.local",
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="the DNS domain of the cluster; the gateway resolves pods by full names",
    )
