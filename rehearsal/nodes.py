"""Simulated nodes: real Node objects that kwok keeps Ready, with GPUs that nobody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kubectl

SIMULATED = "deepseek-blueprint/simulated"
SYSTEM_NODE = "system-0"  # takes what needs no GPU: the gateway, for one

# What a p5en.48xlarge leaves to pods: 192 cores and 2 TiB less what kubelet and system reserve.
_ALLOCATABLE = {"cpu": "191", "memory": "1937332Mi", "pods": "198", "ephemeral-storage": "20Ti"}


@dataclass(frozen=True, kw_only=True)
class SimulatedPool:
    """Equal GPU nodes, named `<name>-0`, `<name>-1` and so on."""

    name: str
    nodes: int
    gpus_per_node: int
    gpu_resource: str
    labels: Mapping[str, str]
    taint_key: str | None


def register(kubeconfig: Path, pools: Iterable[SimulatedPool]) -> None:
    """Make the cluster's simulated nodes these pools and one plain node, no more and no fewer."""
    wanted = [_node(SYSTEM_NODE, {}, {}, None), *_gpu_nodes(pools)]
    kubectl.apply(kubeconfig, wanted)
    # An update of a Node leaves its status alone; capacity is status, and has its own door.
    kubectl.apply(kubeconfig, wanted, "--subresource=status")
    names = {node["metadata"]["name"] for node in wanted}
    present = kubectl.listed(kubeconfig, "nodes", f"{SIMULATED}=true")
    if stale := {node["metadata"]["name"] for node in present} - names:
        kubectl.call(kubeconfig, "delete", "nodes", "--wait=false", *sorted(stale))


def _gpu_nodes(pools: Iterable[SimulatedPool]) -> Iterator[dict[str, Any]]:
    for pool in pools:
        gpus = {pool.gpu_resource: str(pool.gpus_per_node)}
        for index in range(pool.nodes):
            yield _node(f"{pool.name}-{index}", pool.labels, gpus, pool.taint_key)


def _node(
    name: str, labels: Mapping[str, str], gpus: Mapping[str, str], taint_key: str | None
) -> dict[str, Any]:
    resources = {**_ALLOCATABLE, **gpus}
    taints = [{"key": taint_key, "effect": "NoSchedule"}] if taint_key else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "type": "kwok",
                **labels,
                SIMULATED: "true",
            },
        },
        "spec": {"taints": taints},
        "status": {"allocatable": resources, "capacity": resources},
    }
