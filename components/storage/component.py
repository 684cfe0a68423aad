"""Volumes that hold weights: one to claim, or a folder that every node of a pool has."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from .inputs import claim_spec, volume_spec
from .plan import VolumePlan, WeightsPlan


@dataclass(frozen=True, kw_only=True)
class WeightsArgs:
    plan: WeightsPlan
    namespace: pulumi.Input[str]


class ClaimedWeights(pulumi.ComponentResource):
    """A claim that a provisioner of the cluster answers."""

    def __init__(
        self, name: str, args: WeightsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:storage:ClaimedWeights", name, {}, opts)
        _claim(name, args, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class HostPathWeightsArgs(WeightsArgs):
    volume: VolumePlan


class HostPathWeights(pulumi.ComponentResource):
    """A volume over a folder of the nodes, and the claim that takes it and no other."""

    def __init__(
        self, name: str, args: HostPathWeightsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deepseek:storage:HostPathWeights", name, {}, opts)
        mine = pulumi.ResourceOptions(parent=self)
        volume = k8s.core.v1.PersistentVolume(
            f"{name}-volume",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args.plan.claim, labels=args.plan.labels),
            spec=volume_spec(args.plan, args.volume, args.namespace),
            opts=mine,
        )
        _claim(name, args, pulumi.ResourceOptions(parent=self, depends_on=[volume]))
        self.register_outputs({})


def _claim(name: str, args: WeightsArgs, opts: pulumi.ResourceOptions) -> None:
    k8s.core.v1.PersistentVolumeClaim(
        f"{name}-claim",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=args.plan.claim, namespace=args.namespace, labels=args.plan.labels
        ),
        spec=claim_spec(args.plan),
        opts=opts,
    )
