"""Nodes: real Node objects with GPUs that nobody has; kwok or the node agent keeps them Ready.

On a node of kwok's, pods are marks in the API server; on one of the agent's they are processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kubectl
from .node.machine import PLAYED, PROCESSES

SIMULATED = "deepseek-blueprint/simulated"
SYSTEM_NODE = "system-0"  # takes what needs no GPU: the gateway, for one
SECOND_SYSTEM_NODE = "system-1"  # where pods run, for the loss of a node to mean something

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
    runs_pods: bool = False  # as processes; else kwok plays them


def register(kubeconfig: Path, pools: Iterable[SimulatedPool], *, runs_pods: bool = False) -> None:
    """Make the cluster's simulated nodes these pools and the plain ones, no more and no fewer.

    With `runs_pods` the plain nodes run pods, too.
    """
    plain = (SYSTEM_NODE, SECOND_SYSTEM_NODE) if runs_pods else (SYSTEM_NODE,)
    wanted = [*(_node(name, {}, {}, None, runs_pods) for name in plain), *_gpu_nodes(pools)]
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
            name = f"{pool.name}-{index}"
            yield _node(name, pool.labels, gpus, pool.taint_key, pool.runs_pods)


def _node(
    name: str,
    labels: Mapping[str, str],
    gpus: Mapping[str, str],
    taint_key: str | None,
    runs_pods: bool,  # noqa: FBT001  # as the fields above it
) -> dict[str, Any]:
    resources = {**_ALLOCATABLE, **gpus}
    taints = [{"key": taint_key, "effect": "NoSchedule"}] if taint_key else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {PLAYED: PROCESSES} if runs_pods else {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                **({} if runs_pods else {"type": "kwok"}),
                **labels,
                SIMULATED: "true",
            },
        },
        "spec": {"taints": taints},
        "status": {"allocatable": resources, "capacity": resources},
    }
