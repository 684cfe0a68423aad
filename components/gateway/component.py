"""The edge: nginx pods from a plan, the Secrets they read, and the one address clients call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pulumi
import pulumi_kubernetes as k8s

from .credentials import certificate_files, keys_map
from .inputs import deployment_spec, policy_spec, service_spec
from .plan import GatewayPlan
from .render import KEYS_FILE, render_gateway

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    plan: GatewayPlan
    namespace: pulumi.Input[str]
    keys: pulumi.Input[str]  # JSON: SHA-256 of each key → its tenant and its last day
    certificate: pulumi.Input[str] | None  # JSON: what the plan's issued Secret holds


class Gateway(pulumi.ComponentResource):
    """TLS, keys, limits and routing in front of the model servers."""

    address: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:gateway:Gateway", name, {}, opts)
        plan, mine = args.plan, pulumi.ResourceOptions(parent=self)
        k8s.apps.v1.Deployment(
            f"{name}-pods",
            metadata=_metadata(args, plan.name),
            spec=deployment_spec(plan),
            # Pods that start before what they mount has changed would keep the old configuration.
            opts=pulumi.ResourceOptions(parent=self, depends_on=_mounted(name, args, mine)),
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=_metadata(args, plan.name),
            spec=service_spec(plan),
            opts=mine,
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption",
            metadata=_metadata(args, plan.name),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
            ),
            opts=mine,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-policy",
            metadata=_metadata(args, plan.name),
            spec=policy_spec(plan),
            opts=mine,
        )

        self.address = service.metadata.name.apply(lambda _: plan.address)
        self.url = pulumi.Output.format("https://{}", self.address)
        self.register_outputs({"address": self.address, "url": self.url})


def _refusing(read: Callable[[T], U]) -> Callable[[T], U]:
    """Let the engine show why a secret cannot be read, and no traceback."""

    def read_or_refuse(text: T) -> U:
        try:
            return read(text)
        except ValueError as error:
            raise pulumi.RunError(str(error)) from None

    return read_or_refuse


def _metadata(args: GatewayArgs, name: str) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace, labels=args.plan.labels)


def _mounted(name: str, args: GatewayArgs, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Create what the pods mount: configuration, keys and, where we issue one, a certificate."""
    plan = args.plan
    tenants = frozenset(tenant.name for tenant in plan.tenants)
    keys = pulumi.Output.secret(args.keys).apply(_refusing(lambda text: keys_map(text, tenants)))
    return [
        k8s.core.v1.ConfigMap(
            f"{name}-config",
            metadata=_metadata(args, plan.config_map),
            data=render_gateway(plan),
            opts=opts,
        ),
        k8s.core.v1.Secret(
            f"{name}-keys",
            metadata=_metadata(args, plan.keys_secret),
            string_data={KEYS_FILE: keys},
            opts=opts,
        ),
        *(
            k8s.core.v1.Secret(
                f"{name}-tls",
                metadata=_metadata(args, secret),
                type="kubernetes.io/tls",
                string_data=pulumi.Output.secret(args.certificate).apply(
                    _refusing(certificate_files)
                ),
                opts=opts,
            )
            for secret in plan.issued_tls_secrets
        ),
    ]
