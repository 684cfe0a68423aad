"""The gateway's plan, transcribed into typed Kubernetes inputs. No decision is made here."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi_kubernetes as k8s

from ..naming import NAMESPACE_LABEL
from .plan import GatewayPlan
from .render import config_checksum

Core = k8s.core.v1
Net = k8s.networking.v1
CHECKSUM = "deepseek-blueprint/gateway-config"
# The official image has njs as a module on disk; relative to its prefix, /etc/nginx.
LOAD_MODULE = "load_module modules/ngx_http_js_module.so;"
READ_ONLY = 0o440  # group: the pod's fsGroup


def deployment_spec(plan: GatewayPlan) -> k8s.apps.v1.DeploymentSpecArgs:
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=plan.replicas,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
        ),
        template=pod_template(plan),
    )


def pod_template(plan: GatewayPlan) -> Core.PodTemplateSpecArgs:
    return Core.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=plan.labels,
            # A changed configuration is new pods; changed keys and certificates are a reload.
            annotations={CHECKSUM: config_checksum(plan)},
        ),
        spec=Core.PodSpecArgs(
            automount_service_account_token=False,
            enable_service_links=False,
            containers=[_container(plan)],
            security_context=Core.PodSecurityContextArgs(
                fs_group=plan.user_id,
                run_as_non_root=True,
                run_as_user=plan.user_id,
                run_as_group=plan.user_id,
                seccomp_profile=Core.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            termination_grace_period_seconds=plan.times.grace_seconds,
            topology_spread_constraints=[
                Core.TopologySpreadConstraintArgs(
                    max_skew=1,
                    topology_key="kubernetes.io/hostname",
                    when_unsatisfiable="ScheduleAnyway",
                    label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
                )
            ],
            volumes=_volumes(plan),
        ),
    )


def _container(plan: GatewayPlan) -> Core.ContainerArgs:
    places = plan.places
    return Core.ContainerArgs(
        name="nginx",
        image=plan.image,
        command=["/bin/sh", f"{places.config_dir}/start.sh", "-g", LOAD_MODULE],
        ports=[
            Core.ContainerPortArgs(name="https", container_port=places.https_port),
            Core.ContainerPortArgs(name="health", container_port=places.health_port),
        ],
        resources=_resources(plan),
        readiness_probe=_probe(period_seconds=2, failures=2),
        liveness_probe=_probe(period_seconds=10, failures=6),
        lifecycle=Core.LifecycleArgs(
            # Endpoint removal reaches every proxy before nginx stops to accept.
            pre_stop=Core.LifecycleHandlerArgs(
                sleep=Core.SleepActionArgs(seconds=plan.times.pre_stop_seconds)
            )
        ),
        security_context=Core.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=Core.CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=[
            Core.VolumeMountArgs(name="config", mount_path=places.config_dir, read_only=True),
            # Whole folders: a subPath is never updated.
            Core.VolumeMountArgs(name="keys", mount_path=places.keys_dir, read_only=True),
            Core.VolumeMountArgs(name="tls", mount_path=places.tls_dir, read_only=True),
            Core.VolumeMountArgs(name="run", mount_path=places.run_dir),
        ],
    )


def _resources(plan: GatewayPlan) -> Core.ResourceRequirementsArgs:
    needs = plan.resources
    return Core.ResourceRequirementsArgs(
        requests={
            "cpu": f"{needs.cpu_request_millicores}m",
            "memory": f"{needs.memory_request_mib}Mi",
        },
        limits={"cpu": str(needs.workers), "memory": f"{needs.memory_limit_mib}Mi"},
    )


def _probe(*, period_seconds: int, failures: int) -> Core.ProbeArgs:
    return Core.ProbeArgs(
        http_get=Core.HTTPGetActionArgs(path="/healthz", port="health"),
        period_seconds=period_seconds,
        timeout_seconds=period_seconds,
        failure_threshold=failures,
    )


def _volumes(plan: GatewayPlan) -> list[Core.VolumeArgs]:
    return [
        Core.VolumeArgs(
            name="config", config_map=Core.ConfigMapVolumeSourceArgs(name=plan.config_map)
        ),
        *(
            Core.VolumeArgs(
                name=name,
                secret=Core.SecretVolumeSourceArgs(secret_name=secret, default_mode=READ_ONLY),
            )
            for name, secret in (("keys", plan.keys_secret), ("tls", plan.tls_secret))
        ),
        # In memory: whatever nginx writes there, no prompt reaches a disk.
        Core.VolumeArgs(
            name="run",
            empty_dir=Core.EmptyDirVolumeSourceArgs(
                medium="Memory", size_limit=f"{plan.resources.run_memory_mib}Mi"
            ),
        ),
    ]


def service_spec(plan: GatewayPlan) -> Core.ServiceSpecArgs:
    return Core.ServiceSpecArgs(
        type=plan.service_type,
        external_traffic_policy=plan.external_traffic_policy,
        selector=plan.selector,
        ports=[Core.ServicePortArgs(name="https", port=plan.service_port, target_port="https")],
    )


def policy_spec(plan: GatewayPlan) -> Net.NetworkPolicySpecArgs:
    """In: the declared clients, on the TLS port. Out: the engines, each on its port."""
    return Net.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
        policy_types=["Ingress", "Egress"],
        ingress=[
            Net.NetworkPolicyIngressRuleArgs(
                from_=[
                    Net.NetworkPolicyPeerArgs(ip_block=Net.IPBlockArgs(cidr=cidr))
                    for cidr in plan.client_cidrs
                ],
                ports=[Net.NetworkPolicyPortArgs(port=plan.places.https_port, protocol="TCP")],
            )
        ],
        egress=[
            Net.NetworkPolicyEgressRuleArgs(
                to=[_pods(upstream.namespace, upstream.selector)],
                ports=[Net.NetworkPolicyPortArgs(port=upstream.port, protocol="TCP")],
            )
            for upstream in plan.upstreams
        ],
    )


def _pods(namespace: str, labels: Mapping[str, str]) -> Net.NetworkPolicyPeerArgs:
    """Select by namespace and labels together, in one peer: two peers would mean either."""
    return Net.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace}),
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
    )
