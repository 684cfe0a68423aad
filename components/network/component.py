"""Nothing talks in our namespaces unless a policy says so; DNS is the one common opening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from ..naming import NAMESPACE_LABEL
from .plan import DNS_NAMESPACE, DNS_PORT, NetworkPlan


@dataclass(frozen=True, kw_only=True)
class IsolationArgs:
    plan: NetworkPlan
    namespaces: Mapping[str, pulumi.Input[str]]  # by name, once they exist


class Isolation(pulumi.ComponentResource):
    def __init__(
        self, name: str, args: IsolationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:network:Isolation", name, {}, opts)
        mine = pulumi.ResourceOptions(parent=self)
        for namespace in args.plan.namespaces:
            for role, spec in (("default-deny", _deny()), ("allow-dns", _dns())):
                k8s.networking.v1.NetworkPolicy(
                    f"{name}-{namespace}-{role}",
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        name=role,
                        namespace=args.namespaces[namespace],
                        labels=args.plan.labels,
                    ),
                    spec=spec,
                    opts=mine,
                )
        self.register_outputs({})


def _deny() -> k8s.networking.v1.NetworkPolicySpecArgs:
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
    )


def _dns() -> k8s.networking.v1.NetworkPolicySpecArgs:
    # By namespace, not by port alone: port 53 to anywhere is a way out.
    peer = k8s.networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(
            match_labels={NAMESPACE_LABEL: DNS_NAMESPACE}
        )
    )
    ports = [
        k8s.networking.v1.NetworkPolicyPortArgs(port=DNS_PORT, protocol=protocol)
        for protocol in ("UDP", "TCP")
    ]
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(),
        policy_types=["Egress"],
        egress=[k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[peer], ports=ports)],
    )
