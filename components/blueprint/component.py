"""The whole environment, from one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from ..cluster.component import AdoptedCluster, AdoptedClusterArgs
from ..gateway.component import Gateway, GatewayArgs
from ..naming import GATEWAY_NAMESPACE, PROJECT, SERVING_NAMESPACE
from ..network.component import Isolation, IsolationArgs
from ..serving.component import ModelServer, ModelServerArgs
from ..storage.component import ClaimedWeights, HostPathWeights, HostPathWeightsArgs, WeightsArgs
from .plan import KEYS_SECRET, TLS_SECRET, BlueprintPlan
from .render import plan_digest, plan_document

PLAN_CONFIG_MAP = "blueprint-plan"
FIELD_MANAGER = "pulumi.com/patchFieldManager"


@dataclass(frozen=True, kw_only=True)
class BlueprintArgs:
    plan: BlueprintPlan
    secrets: Mapping[str, pulumi.Input[str]]  # by the config keys that the plan names


class Blueprint(pulumi.ComponentResource):
    """Cluster, network, weights, model servers and gateway of one environment."""

    gateway_url: pulumi.Output[str]
    plan_digest: pulumi.Output[str]
    servers: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: BlueprintArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        owned = pulumi.ResourceOptions(transformations=[_name_field_manager])
        opts = pulumi.ResourceOptions.merge(opts, owned)
        super().__init__("deepseek:blueprint:Blueprint", name, {}, opts)
        plan, mine = args.plan, pulumi.ResourceOptions(parent=self)
        cluster = AdoptedCluster("cluster", AdoptedClusterArgs(plan=plan.cluster), mine)
        serving = cluster.namespaces[SERVING_NAMESPACE]
        inside = pulumi.ResourceOptions(parent=self, providers={"kubernetes": cluster.provider})
        self._publish_plan(plan, cluster.namespaces, inside)
        isolation = Isolation(
            "isolation", IsolationArgs(plan=plan.network, namespaces=cluster.namespaces), inside
        )
        weights = self._place_weights(plan, serving, inside)
        # No pod before the policies that fence it in.
        fenced = pulumi.ResourceOptions.merge(
            inside, pulumi.ResourceOptions(depends_on=[isolation, *weights])
        )
        self.servers = {
            server.name: ModelServer(
                server.name,
                ModelServerArgs(plan=server, network=plan.network, namespace=serving),
                fenced,
            ).service
            for server in plan.servers
        }
        self.gateway_url = Gateway("gateway", _gateway_args(args, cluster), fenced).url
        self.plan_digest = pulumi.Output.from_input(plan_digest(plan))
        self.register_outputs(
            {
                "gateway_url": self.gateway_url,
                "plan_digest": self.plan_digest,
                "servers": self.servers,
            }
        )

    @staticmethod
    def _publish_plan(
        plan: BlueprintPlan,
        namespaces: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Lay the plan beside what we create: the reviewed plan is the deployed plan."""
        for label, namespace in namespaces.items():
            k8s.core.v1.ConfigMap(
                f"plan-{label}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=PLAN_CONFIG_MAP, namespace=namespace),
                data={"plan.json": plan_document(plan), "plan_digest": plan_digest(plan)},
                opts=opts,
            )

    @staticmethod
    def _place_weights(
        plan: BlueprintPlan, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        return [
            *(
                ClaimedWeights(f"weights-{w.name}", WeightsArgs(plan=w, namespace=namespace), opts)
                for w in plan.claimed_weights
            ),
            *(
                HostPathWeights(
                    f"weights-{w.name}",
                    HostPathWeightsArgs(plan=w, volume=volume, namespace=namespace),
                    opts,
                )
                for w, volume in plan.host_path_weights
            ),
        ]


def _gateway_args(args: BlueprintArgs, cluster: AdoptedCluster) -> GatewayArgs:
    return GatewayArgs(
        plan=args.plan.gateway,
        namespace=cluster.namespaces[GATEWAY_NAMESPACE],
        keys=args.secrets[KEYS_SECRET],
        certificate=args.secrets.get(TLS_SECRET),
    )


def _name_field_manager(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """Let every object belong to this stack, whichever engine process created it.

    The provider's default is a random name in the engine's checkpoint. An engine that was killed
    may have created objects that no checkpoint knows, and the next one conflicts with them.
    """
    if not args.type_.startswith("kubernetes:"):
        return None
    metadata: Any = args.props["metadata"]
    metadata.annotations = {
        **(metadata.annotations or {}),
        FIELD_MANAGER: f"{PROJECT}-{pulumi.get_stack()}",
    }
    return pulumi.ResourceTransformationResult(args.props, args.opts)
