"""Names that people and other systems type: namespaces, labels, addresses, mount paths."""

from __future__ import annotations

from collections.abc import Mapping

PROJECT = "deepseek-blueprint"
SERVING_NAMESPACE = "deepseek-serving"
GATEWAY_NAMESPACE = "deepseek-gateway"
NAMESPACES = (GATEWAY_NAMESPACE, SERVING_NAMESPACE)

# The well-known label that the API server sets on every namespace; a policy can select by it.
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def selector(name: str, instance: str, component: str) -> dict[str, str]:
    """Labels that find an object's pods. A live selector cannot change: no version in it."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
    }


def labels(tags: Mapping[str, str], selected: Mapping[str, str] | None = None) -> dict[str, str]:
    """Labels of an object: the user's tags, its selector, and whose it is."""
    return {
        **tags,
        **(selected or {}),
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
    }


def pods_service(server: str) -> str:
    """Name the headless Service through which the gateway resolves the pods of a server."""
    return f"{server}-pods"


def service_address(service: str, namespace: str, dns_domain: str) -> str:
    """Give the full DNS name: nginx's resolver knows no search path."""
    return f"{service}.{namespace}.svc.{dns_domain}"
