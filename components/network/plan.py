"""What may talk to what: default-deny, then each opening by name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from ..naming import NAMESPACES, labels
from ..problems import Problem
from .spec import NetworkSpec

# RFC 1918 and RFC 4193.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
ANYWHERE = ("0.0.0.0/0", "::/0")
SERVICE_TYPES = {"internal": "ClusterIP", "public": "LoadBalancer"}
DNS_NAMESPACE = "kube-system"
DNS_PORT = 53
HTTPS_PORT = 443


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkPlan:
    namespaces: tuple[str, ...]  # each gets default-deny and a way to DNS
    labels: Mapping[str, str]
    service_type: str
    client_cidrs: tuple[str, ...]
    engine_egress_cidrs: tuple[str, ...]  # reachable on HTTPS_PORT by the engines


def plan_network(spec: NetworkSpec, tags: Mapping[str, str]) -> NetworkPlan:
    by_exposure = PRIVATE if spec.exposure == "internal" else ANYWHERE
    return NetworkPlan(
        namespaces=NAMESPACES,
        labels=labels(tags),
        service_type=SERVICE_TYPES[spec.exposure],
        client_cidrs=spec.client_cidrs or by_exposure,
        engine_egress_cidrs=ANYWHERE if spec.egress == "open" else (),
    )


def _is_private(cidr: str) -> bool:
    """Tell by PRIVATE: `ip_network.is_private` counts documentation and benchmark networks too."""
    network = ip_network(cidr)
    return any(
        network.prefixlen >= wide.prefixlen and network.supernet(new_prefix=wide.prefixlen) == wide
        for wide in map(ip_network, PRIVATE)
        if wide.version == network.version
    )


def check_network(spec: NetworkSpec) -> Iterator[Problem]:
    """Refuse an internal gateway that the declared clients reach from outside."""
    if spec.exposure != "internal":
        return
    for position, cidr in enumerate(spec.client_cidrs or ()):
        if not _is_private(cidr):
            yield Problem(
                f"network.client_cidrs.{position}",
                f"{cidr} is not a private network, but exposure is internal",
                "Name a private network, or set network.exposure to public.",
            )
