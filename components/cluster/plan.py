"""Which cluster we deploy to and what our namespaces are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..naming import NAMESPACES, labels
from .spec import ClusterSpec

# https://kubernetes.io/docs/concepts/security/pod-security-admission/
POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("audit", "enforce", "warn")
}


@dataclass(frozen=True, kw_only=True, slots=True)
class NamespacePlan:
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterPlan:
    context: str
    dns_domain: str
    namespaces: tuple[NamespacePlan, ...]


def plan_cluster(spec: ClusterSpec, tags: Mapping[str, str]) -> ClusterPlan:
    marked = {**labels(tags), **POD_SECURITY}
    return ClusterPlan(
        context=spec.context,
        dns_domain=spec.dns_domain,
        namespaces=tuple(NamespacePlan(name=name, labels=marked) for name in NAMESPACES),
    )
