"""A cluster that the user has: asked before anything is created there, and left as it was found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from components.blueprint.plan import BlueprintPlan
from components.nodes.plan import PoolPlan
from components.problems import PlanError, Problem

from . import kubectl
from .control_plane import Running
from .deploy import SIMULATOR, is_unread
from .pki import write_private

KUBECONFIG_SETTING = "KUBECONFIG"
_RECORD = "existing.json"
_PER_NAMESPACE = (
    *("configmaps", "secrets", "services", "persistentvolumeclaims", "deployments.apps"),
    *("statefulsets.apps", "networkpolicies.networking.k8s.io"),
    "poddisruptionbudgets.policy",
)


def adopt(folder: Path, kubeconfig: Path) -> Running:
    """Take the current context of `kubeconfig`; raises PlanError where its cluster is silent."""
    if not kubeconfig.is_file():
        fix = "Name a kubeconfig file, or leave it out for an embedded cluster."
        raise PlanError([Problem(KUBECONFIG_SETTING, f"there is no file {kubeconfig}", fix)])
    own = folder / "existing" / "kubeconfig"
    own.parent.mkdir(mode=0o700, exist_ok=True)
    # With its certificates inside, and nothing else of the user's.
    flat = kubectl.call(kubeconfig, "config", "view", "--raw", "--flatten", "--minify")
    write_private(own, flat)
    context = kubectl.call(own, "config", "current-context").strip()
    server = kubectl.call(own, "config", "view", "-o=jsonpath={.clusters[0].cluster.server}")
    kubectl.call(own, "get", "--raw=/readyz", "--request-timeout=10s")
    return Running(own.parent, own, server, context, adopted=True)


def remember(folder: Path, running: Running, stack: str) -> None:
    """Write down that something of ours is on that cluster from now on, for `adopted`."""
    record = {"stack": stack, "server": running.server, "context": running.context}
    (folder / _RECORD).write_text(json.dumps(record), "utf-8")


def adopted(folder: Path) -> tuple[Running, str] | None:
    """Find what this folder deployed to: the cluster, and the stack."""
    record = folder / _RECORD
    if not record.exists():
        return None
    said = json.loads(record.read_text("utf-8"))
    own = folder / "existing" / "kubeconfig"
    return Running(own.parent, own, said["server"], said["context"], adopted=True), said["stack"]


def check(running: Running, plan: BlueprintPlan) -> None:
    """Raise PlanError with everything that the stack needs and this cluster does not have."""
    problems = [*_rights(running, plan), *_nodes(running, plan), *_storage(running, plan)]
    if problems:
        raise PlanError(problems)


def _rights(running: Running, plan: BlueprintPlan) -> Iterator[Problem]:
    wide = ["namespaces"] + ["persistentvolumes"] * bool(plan.host_path_weights)
    asked = [(resource, "") for resource in wide]
    asked += [
        (resource, space.name) for space in plan.cluster.namespaces for resource in _PER_NAMESPACE
    ]
    denied: dict[str, list[str]] = {}
    for (resource, namespace), allowed in zip(asked, _may_create(running, asked), strict=True):
        if not allowed:
            denied.setdefault(namespace, []).append(resource)
    for namespace, resources in denied.items():
        place = f" in {namespace}" if namespace else ""
        yield Problem(
            f"context {running.context}",
            f"its user may not create {', '.join(resources)}{place}",
            "Use a kubeconfig whose user may, such as one bound to the role cluster-admin.",
        )


def _may_create(running: Running, asked: Sequence[tuple[str, str]]) -> list[bool]:
    """Ask for all pairs of resource and namespace in one call."""
    reviews = []
    for resource, namespace in asked:
        kind, _, group = resource.partition(".")
        attributes = {"verb": "create", "resource": kind, "group": group, "namespace": namespace}
        reviews.append(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            }
        )
    form = '-o=jsonpath={.status.allowed}{"\\n"}'
    answers = kubectl.call(running.kubeconfig, "create", "-f", "-", form, objects=reviews)
    return [answer == "true" for answer in answers.split()]


def _nodes(running: Running, plan: BlueprintPlan) -> Iterator[Problem]:
    simulated = {server.pool for server in plan.servers if server.engine == SIMULATOR}
    for pool in plan.pools:
        selector = ",".join(f"{key}={value}" for key, value in pool.node_labels.items())
        found = kubectl.listed(running.kubeconfig, "nodes", selector)
        fitting = [node for node in found if _gpus(node, pool) >= pool.gpus_per_node]
        if len(fitting) < pool.usable_nodes:
            yield Problem(
                f"pools.{pool.name}",
                f"{pool.usable_nodes} nodes with {pool.gpus_per_node} {pool.gpu_resource} are "
                f"needed; {len(found)} carry {selector}, {len(fitting)} of them have the GPUs",
                _advice(pool, selector, may_pretend=pool.name in simulated),
            )


def _gpus(node: dict[str, Any], pool: PoolPlan) -> int:
    return int(node["status"].get("allocatable", {}).get(pool.gpu_resource, 0))


def _advice(pool: PoolPlan, selector: str, *, may_pretend: bool) -> str:
    label = f"Label the nodes: kubectl label node NODE {selector.replace(',', ' ')}."
    if not may_pretend:
        return label
    capacity = json.dumps({"status": {"capacity": {pool.gpu_resource: str(pool.gpus_per_node)}}})
    return (
        f"{label} The simulator needs no GPU, so a node may only claim them: "
        f"kubectl patch node NODE --subresource=status --type=merge -p '{capacity}'."
    )


def _storage(running: Running, plan: BlueprintPlan) -> Iterator[Problem]:
    answer = kubectl.call(running.kubeconfig, "get", "storageclasses", "-o", "json")
    known = sorted(item["metadata"]["name"] for item in json.loads(answer)["items"])
    for weights in plan.claimed_weights:
        wanted = weights.storage_class
        if wanted and wanted not in known and not is_unread(weights, plan):
            yield Problem(
                f"weights.{weights.name}.storage_class",
                f"the cluster has no StorageClass {wanted!r}",
                f"Name one that it has: {', '.join(known) or 'none yet'}.",
            )
