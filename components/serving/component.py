"""One model, served: the engine's pods and the name by which the gateway finds them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from ..network.plan import NetworkPlan
from .inputs import files_name, pod_template, policy_spec
from .plan import ServerPlan


@dataclass(frozen=True, kw_only=True)
class ModelServerArgs:
    plan: ServerPlan
    network: NetworkPlan
    namespace: pulumi.Input[str]  # only another resource can tell us this


class ModelServer(pulumi.ComponentResource):
    """Pods from a plan, behind a headless Service."""

    service: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:serving:ModelServer", name, {}, opts)
        plan, mine = args.plan, pulumi.ResourceOptions(parent=self)
        k8s.apps.v1.StatefulSet(
            f"{name}-pods",
            metadata=_metadata(args, plan.name),
            spec=_pods(plan),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=_before_pods(name, args, mine),
                custom_timeouts=_timeouts(plan),
            ),
        )
        port = k8s.core.v1.ServicePortArgs(name="http", port=plan.container.port)
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=_metadata(args, plan.service),
            spec=k8s.core.v1.ServiceSpecArgs(
                cluster_ip="None", selector=plan.selector, ports=[port]
            ),
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

        self.service = service.metadata.name
        self.register_outputs({"service": self.service})


def _before_pods(
    name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Create what a pod must find: the files it mounts, and the policy that fences it in."""
    plan = args.plan
    return [
        *(
            k8s.core.v1.ConfigMap(
                f"{name}-engine-files",
                metadata=_metadata(args, files_name(plan)),
                data=files,
                opts=opts,
            )
            for files in plan.file_sets
        ),
        k8s.networking.v1.NetworkPolicy(
            f"{name}-policy",
            metadata=_metadata(args, plan.name),
            spec=policy_spec(plan, args.network),
            opts=opts,
        ),
    ]


def _timeouts(plan: ServerPlan) -> pulumi.CustomTimeouts:
    seconds = f"{plan.ready_timeout_seconds}s"
    return pulumi.CustomTimeouts(create=seconds, update=seconds, delete=seconds)


def _metadata(args: ModelServerArgs, name: str) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace, labels=args.plan.labels)


def _pods(plan: ServerPlan) -> k8s.apps.v1.StatefulSetSpecArgs:
    return k8s.apps.v1.StatefulSetSpecArgs(
        service_name=plan.service,
        replicas=plan.replicas,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
        # Replicas load at the same time. And a revision that never gets ready can be replaced:
        # OrderedReady would wait for it for ever.
        pod_management_policy="Parallel",
        # Stops one pod, then starts its successor on the GPUs it freed: a surge would wait for ever
        # for GPUs that only the old pod could free.
        update_strategy=k8s.apps.v1.StatefulSetUpdateStrategyArgs(type="RollingUpdate"),
        template=pod_template(plan),
    )
