"""A cluster that exists: the way to it, and namespaces of our own in it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from .plan import ClusterPlan


@dataclass(frozen=True, kw_only=True)
class AdoptedClusterArgs:
    plan: ClusterPlan


class AdoptedCluster(pulumi.ComponentResource):
    """The provider for everything else, and the namespaces by name."""

    provider: k8s.Provider
    namespaces: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: AdoptedClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:cluster:AdoptedCluster", name, {}, opts)
        self.provider = k8s.Provider(
            f"{name}-provider",
            context=args.plan.context,
            # Without it a kubeconfig that moved, or a renewed token, replaces every object.
            cluster_identifier=args.plan.context,
            # Else a changed key or setting deletes the object that running pods have mounted.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        mine = pulumi.ResourceOptions(parent=self, provider=self.provider)
        self.namespaces = {
            namespace.name: k8s.core.v1.Namespace(
                f"{name}-{namespace.name}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=namespace.name, labels=namespace.labels),
                opts=mine,
            ).metadata.name
            for namespace in args.plan.namespaces
        }
        self.register_outputs({"namespaces": self.namespaces})
