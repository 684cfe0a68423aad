"""A server's plan, transcribed into typed Kubernetes inputs. No decision is made here."""

from __future__ import annotations

from hashlib import sha256

import pulumi_kubernetes as k8s

from ..engines.contract import FILES_PATH
from ..naming import GATEWAY_NAMESPACE, NAMESPACE_LABEL
from ..network.plan import HTTPS_PORT, NetworkPlan
from ..storage.plan import MOUNT_PATH
from .plan import ServerPlan

Core = k8s.core.v1
FILES_CHECKSUM = "deepseek-blueprint/engine-files"


def pod_template(plan: ServerPlan) -> Core.PodTemplateSpecArgs:
    return Core.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=plan.pod_labels,
            # The kubelet swaps mounted files in place: only a new pod reads them.
            annotations={FILES_CHECKSUM: _checksum(plan)},
        ),
        spec=Core.PodSpecArgs(
            automount_service_account_token=False,
            # A Service named like an engine would inject variables that break its start.
            enable_service_links=False,
            containers=[_container(plan)],
            node_selector=plan.node_labels,
            tolerations=[
                Core.TolerationArgs(key=plan.taint_key, operator="Exists", effect="NoSchedule")
            ],
            topology_spread_constraints=[
                Core.TopologySpreadConstraintArgs(
                    max_skew=1,
                    topology_key="kubernetes.io/hostname",
                    when_unsatisfiable="ScheduleAnyway",
                    label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
                )
            ],
            security_context=Core.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=plan.container.user_id,
                seccomp_profile=Core.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            termination_grace_period_seconds=plan.grace_seconds,
            volumes=_volumes(plan),
        ),
    )


def files_name(plan: ServerPlan) -> str:
    return f"{plan.name}-engine-files"


def _checksum(plan: ServerPlan) -> str:
    return sha256(repr(sorted(plan.container.files.items())).encode()).hexdigest()


def _container(plan: ServerPlan) -> Core.ContainerArgs:
    container, gpus = plan.container, {plan.gpu_resource: str(plan.tensor_parallel)}
    return Core.ContainerArgs(
        name="engine",
        image=plan.image,
        command=list(container.command),
        env=[Core.EnvVarArgs(name=k, value=v) for k, v in sorted(container.environment.items())],
        ports=[Core.ContainerPortArgs(name="http", container_port=container.port)],
        resources=Core.ResourceRequirementsArgs(
            # GPUs cannot be overcommitted; a memory limit would kill an engine for page cache.
            limits=gpus,
            requests={
                **gpus,
                "cpu": str(container.cpu_cores),
                "memory": f"{plan.memory_request_gib}Gi",
            },
        ),
        startup_probe=_probe(
            plan, plan.startup_period_seconds, plan.startup_seconds // plan.startup_period_seconds
        ),
        readiness_probe=_probe(plan, plan.readiness_period_seconds, plan.readiness_failures),
        liveness_probe=_probe(plan, plan.liveness_period_seconds, plan.liveness_failures),
        lifecycle=Core.LifecycleArgs(
            pre_stop=Core.LifecycleHandlerArgs(
                sleep=Core.SleepActionArgs(seconds=plan.pre_stop_seconds)
            )
        ),
        security_context=Core.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=Core.CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=_mounts(plan),
    )


def _probe(plan: ServerPlan, period_seconds: int, failures: int) -> Core.ProbeArgs:
    return Core.ProbeArgs(
        http_get=Core.HTTPGetActionArgs(path=plan.container.health_path, port="http"),
        period_seconds=period_seconds,
        timeout_seconds=period_seconds,
        failure_threshold=failures,
    )


def _mounts(plan: ServerPlan) -> list[Core.VolumeMountArgs]:
    return [
        Core.VolumeMountArgs(name="shared-memory", mount_path="/dev/shm"),  # noqa: S108  # NCCL's
        *(
            Core.VolumeMountArgs(name=f"writable-{position}", mount_path=path)
            for position, path in enumerate(plan.container.writable_paths)
        ),
        *(
            Core.VolumeMountArgs(name="weights", mount_path=MOUNT_PATH, read_only=True)
            for _ in plan.claims
        ),
        *(
            Core.VolumeMountArgs(name="engine-files", mount_path=FILES_PATH, read_only=True)
            for _ in plan.file_sets
        ),
    ]


def _volumes(plan: ServerPlan) -> list[Core.VolumeArgs]:
    return [
        Core.VolumeArgs(
            name="shared-memory",
            empty_dir=Core.EmptyDirVolumeSourceArgs(
                medium="Memory", size_limit=f"{plan.container.shared_memory_gib}Gi"
            ),
        ),
        *(
            Core.VolumeArgs(name=f"writable-{position}", empty_dir=Core.EmptyDirVolumeSourceArgs())
            for position, _ in enumerate(plan.container.writable_paths)
        ),
        *(
            Core.VolumeArgs(
                name="weights",
                persistent_volume_claim=Core.PersistentVolumeClaimVolumeSourceArgs(
                    claim_name=claim, read_only=True
                ),
            )
            for claim in plan.claims
        ),
        *(
            Core.VolumeArgs(
                name="engine-files",
                config_map=Core.ConfigMapVolumeSourceArgs(name=files_name(plan)),
            )
            for _ in plan.file_sets
        ),
    ]


def policy_spec(plan: ServerPlan, network: NetworkPlan) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """In: the gateway, on the engine's port. Out: what the stack's egress opens, often nothing."""
    net = k8s.networking.v1
    gateway = net.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(
            match_labels={NAMESPACE_LABEL: GATEWAY_NAMESPACE}
        )
    )
    return net.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.selector),
        policy_types=["Ingress", "Egress"],
        ingress=[
            net.NetworkPolicyIngressRuleArgs(
                from_=[gateway],
                ports=[net.NetworkPolicyPortArgs(port=plan.container.port, protocol="TCP")],
            )
        ],
        egress=[
            net.NetworkPolicyEgressRuleArgs(
                to=[net.NetworkPolicyPeerArgs(ip_block=net.IPBlockArgs(cidr=cidr))],
                ports=[net.NetworkPolicyPortArgs(port=HTTPS_PORT, protocol="TCP")],
            )
            for cidr in network.engine_egress_cidrs
        ],
    )
