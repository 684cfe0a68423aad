"""How clients reach the models: who they are, what they may, which server answers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..catalog.load import images
from ..naming import GATEWAY_NAMESPACE, labels, selector, service_address
from ..network.plan import NetworkPlan
from ..problems import Problem, check_known
from ..serving.plan import ServerPlan
from .limits import TierPlan, check_tier, plan_tier
from .refusals import ENGINE_FAILED, NO_ENGINE, QUERY, REFUSALS, Refusal
from .sizing import ResourcesPlan, max_body_bytes, plan_resources
from .spec import GatewaySpec
from .timing import TimesPlan, plan_times

NAME = "gateway"
IMAGE = "nginx"
TENANTS_PER_ZONE_MIB = 8000  # 128 bytes a state, says the manual of limit_req


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantPlan:
    name: str
    tier: str
    models: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutePlan:
    """A model's name, and the servers that answer to it with their share in percent."""

    alias: str
    variable: str
    backends: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class UpstreamPlan:
    """The pods of a server, as the gateway finds and reaches them."""

    name: str
    address: str
    port: int
    namespace: str
    selector: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacesPlan:
    """What is where inside the pod; tests put other paths and ports in their place."""

    listen_address: str = "0.0.0.0"  # noqa: S104  # NetworkPolicy says who may come
    https_port: int = 8443
    health_port: int = 8081
    config_dir: str = "/etc/gateway/config"
    keys_dir: str = "/etc/gateway/keys"
    tls_dir: str = "/etc/gateway/tls"
    run_dir: str = "/run/gateway"
    resolv_conf: str = "/etc/resolv.conf"
    access_log: str = "/dev/stdout"
    error_log: str = "stderr"
    watch_seconds: int = 2  # between two looks at the mounted Secrets


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayPlan:
    """Every decision about the gateway; nothing is left to template or component.

    What has a default here is the same in every stack.
    """

    name: str = NAME
    namespace: str = GATEWAY_NAMESPACE
    image_name: str = IMAGE
    image: str
    user_id: int = 101  # `nginx` of the official image
    replicas: int
    address: str
    service_port: int = 443
    service_type: str
    external_traffic_policy: str | None
    client_cidrs: tuple[str, ...]
    config_map: str = f"{NAME}-config"
    keys_secret: str = f"{NAME}-keys"
    tls_secret: str
    issued_tls_secrets: tuple[str, ...]  # the TLS Secrets that we create: one or none
    dns_names: tuple[str, ...]
    tiers: tuple[TierPlan, ...]
    tenants: tuple[TenantPlan, ...]
    routes: tuple[RoutePlan, ...]
    upstreams: tuple[UpstreamPlan, ...]
    # An allow-list: engines have paths for their admins too.
    paths: tuple[str, ...] = ("/v1/chat/completions", "/v1/completions")
    refusals: tuple[Refusal, ...] = REFUSALS
    query_refused: Refusal = QUERY
    engine_failed: Refusal = ENGINE_FAILED
    no_engine: Refusal = NO_ENGINE
    # Attempts with a key that nobody has, from one address: 256 bits are not guessed, this keeps
    # the noise away.
    strangers_per_minute: int = 60
    zone_mib: int
    body_bytes: int
    resources: ResourcesPlan
    places: PlacesPlan = PlacesPlan()
    times: TimesPlan
    selector: Mapping[str, str]
    labels: Mapping[str, str]


def plan_gateway(
    spec: GatewaySpec,
    servers: Mapping[str, ServerPlan],
    network: NetworkPlan,
    dns_domain: str,
    tags: Mapping[str, str],
) -> GatewayPlan:
    """Decide everything; asked only when `check_gateway` yielded nothing."""
    selected = selector(IMAGE, NAME, "gateway")
    tiers = {name: plan_tier(name, tier, spec.replicas) for name, tier in spec.tiers.items()}
    streams = sum(tiers[t.tier].replica_concurrent_requests for t in spec.tenants.values())
    body_bytes = max_body_bytes(server.context_tokens for server in servers.values())
    issued = {"private-ca": f"{NAME}-tls", "secret": None}[spec.tls.mode]
    return GatewayPlan(
        image=images()[IMAGE].reference,
        replicas=spec.replicas,
        address=service_address(NAME, GATEWAY_NAMESPACE, dns_domain),
        service_type=network.service_type,
        # Local keeps the client's address, which NetworkPolicy and the log go by.
        external_traffic_policy="Local" if network.service_type == "LoadBalancer" else None,
        client_cidrs=network.client_cidrs,
        tls_secret=issued or str(spec.tls.secret),
        issued_tls_secrets=(issued,) if issued else (),
        dns_names=spec.tls.dns_names,
        tiers=tuple(tiers.values()),
        tenants=_tenants(spec),
        routes=_routes(spec),
        upstreams=tuple(_upstream(server, dns_domain) for server in servers.values()),
        zone_mib=-(-len(spec.tenants) // TENANTS_PER_ZONE_MIB),
        body_bytes=body_bytes,
        resources=plan_resources(streams, body_bytes),
        times=plan_times(),
        selector=selected,
        labels=labels(tags, selected),
    )


def _tenants(spec: GatewaySpec) -> tuple[TenantPlan, ...]:
    return tuple(
        TenantPlan(name=name, tier=tenant.tier, models=tenant.models)
        for name, tenant in spec.tenants.items()
    )


def _routes(spec: GatewaySpec) -> tuple[RoutePlan, ...]:
    return tuple(
        RoutePlan(alias=alias, variable=f"split_{position}", backends=tuple(shares.items()))
        for position, (alias, shares) in enumerate(spec.aliases.items())
    )


def _upstream(server: ServerPlan, dns_domain: str) -> UpstreamPlan:
    return UpstreamPlan(
        name=server.name,
        address=service_address(server.service, server.namespace, dns_domain),
        port=server.container.port,
        namespace=server.namespace,
        selector=server.selector,
    )


def check_gateway(spec: GatewaySpec, servers: Collection[str]) -> Iterator[Problem]:
    """Refuse names that lead nowhere, shares that do not add up, and limits that vanish."""
    yield from _check_routes(spec, servers)
    yield from _check_tenants(spec)
    for name, tier in spec.tiers.items():
        yield from check_tier(name, tier, spec.replicas)
    yield from _check_tls(spec)


def _check_routes(spec: GatewaySpec, servers: Collection[str]) -> Iterator[Problem]:
    spelled: dict[str, str] = {}
    for alias, shares in spec.aliases.items():
        where = f"gateway.aliases.{alias}"
        for server in shares:
            yield from check_known(f"{where}.{server}", "server", server, servers)
        if (total := sum(shares.values())) != 100:  # noqa: PLR2004  # percent
            sums = " + ".join(map(str, shares.values()))
            yield Problem(
                where,
                f"the shares of its servers are percentages, and {sums} = {total}",
                "Make them add up to 100.",
            )
        # nginx looks names up without regard to case.
        if (first := spelled.setdefault(alias.lower(), alias)) != alias:
            yield Problem(where, f"it differs from {first} by case alone", "Rename one of them.")
    reached = {server for shares in spec.aliases.values() for server in shares}
    for server in servers:
        if server not in reached:
            yield Problem(
                f"servers.{server}",
                "no alias leads to it, so nobody can call it",
                "Name it in gateway.aliases, or remove the server.",
            )


def _check_tenants(spec: GatewaySpec) -> Iterator[Problem]:
    for name, tenant in spec.tenants.items():
        where = f"gateway.tenants.{name}"
        yield from check_known(f"{where}.tier", "tier", tenant.tier, spec.tiers)
        for position, alias in enumerate(tenant.models):
            yield from check_known(f"{where}.models.{position}", "alias", alias, spec.aliases)


def _check_tls(spec: GatewaySpec) -> Iterator[Problem]:
    tls = spec.tls
    if tls.mode == "secret":
        if tls.secret is None:
            yield Problem(
                "gateway.tls.secret",
                "mode secret takes its certificate from a Secret and none is named",
                f"Name a kubernetes.io/tls Secret in {GATEWAY_NAMESPACE}.",
            )
        if tls.dns_names:
            yield Problem(
                "gateway.tls.dns_names",
                "mode secret uses a certificate that has its names already",
                "Remove them, or use mode private-ca.",
            )
        return
    if tls.secret is not None:
        yield Problem(
            "gateway.tls.secret",
            "mode private-ca makes a Secret of its own and would ignore this one",
            "Remove it, or use mode secret.",
        )
    if not tls.dns_names:
        yield Problem(
            "gateway.tls.dns_names",
            "mode private-ca issues a certificate, and no name is to stand in it",
            "Name the hosts that clients connect to.",
        )
