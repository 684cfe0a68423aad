"""What the agent brings into a fresh cluster: a node of its own, and DNS."""

from __future__ import annotations

from pathlib import Path

import yaml

from .api import Api, Json
from .machine import PLAYED, PROCESSES

NODE = "control-0"  # kube-proxy is at home here, and CoreDNS; its taint keeps others away
ROLE = "node-role.kubernetes.io/control-plane"
_MANIFESTS = Path(__file__).with_name("system.yaml")
_SIZE = {"cpu": "16", "memory": "32Gi", "pods": "110"}
_COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/kube-system/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/kube-system/configmaps",
    "Service": "/api/v1/namespaces/kube-system/services",
    "Deployment": "/apis/apps/v1/namespaces/kube-system/deployments",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


def node() -> Json:
    return {
        "metadata": {
            "name": NODE,
            "annotations": {PLAYED: PROCESSES},
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": NODE,
                "kubernetes.io/os": "linux",
                ROLE: "",
            },
        },
        "spec": {"taints": [{"key": ROLE, "effect": "NoSchedule"}]},
        "status": {"capacity": _SIZE, "allocatable": _SIZE},
    }


def manifests(dns_address: str, dns_domain: str) -> list[Json]:
    text = _MANIFESTS.read_text("utf-8")
    filled = text.replace("{dns_address}", dns_address).replace("{dns_domain}", dns_domain)
    objects: list[Json] = yaml.safe_load(filled)
    return objects


async def install(api: Api, dns_address: str, dns_domain: str) -> None:
    await api.put("/api/v1/nodes", node())
    for each in manifests(dns_address, dns_domain):
        await api.put(_COLLECTIONS[each["kind"]], each)
