"""Weights, transcribed into typed Kubernetes inputs. No decision is made here."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from .plan import VolumePlan, WeightsPlan


def claim_spec(plan: WeightsPlan) -> k8s.core.v1.PersistentVolumeClaimSpecArgs:
    volume = plan.claim if plan.volume else None
    return k8s.core.v1.PersistentVolumeClaimSpecArgs(
        access_modes=[plan.access_mode],
        storage_class_name=plan.storage_class,
        volume_name=volume,
        resources=k8s.core.v1.VolumeResourceRequirementsArgs(
            requests={"storage": f"{plan.size_gib}Gi"}
        ),
    )


def volume_spec(
    plan: WeightsPlan, volume: VolumePlan, namespace: pulumi.Input[str]
) -> k8s.core.v1.PersistentVolumeSpecArgs:
    terms = [_term(labels) for labels in volume.node_labels]
    return k8s.core.v1.PersistentVolumeSpecArgs(
        access_modes=[plan.access_mode],
        capacity={"storage": f"{plan.size_gib}Gi"},
        storage_class_name=plan.storage_class,
        persistent_volume_reclaim_policy="Retain",
        # Directory, not DirectoryOrCreate: a missing mount must fail, not fill the root disk.
        host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=volume.path, type="Directory"),
        claim_ref=k8s.core.v1.ObjectReferenceArgs(name=plan.claim, namespace=namespace),
        node_affinity=k8s.core.v1.VolumeNodeAffinityArgs(
            required=k8s.core.v1.NodeSelectorArgs(node_selector_terms=terms)
        ),
    )


def _term(labels: Mapping[str, str]) -> k8s.core.v1.NodeSelectorTermArgs:
    return k8s.core.v1.NodeSelectorTermArgs(
        match_expressions=[
            k8s.core.v1.NodeSelectorRequirementArgs(key=key, operator="In", values=[value])
            for key, value in labels.items()
        ]
    )
