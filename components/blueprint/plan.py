"""Spec → plan: every decision of every slice, or every problem. Pure and total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..catalog.load import images
from ..catalog.schema import UNRESOLVED, Model
from ..clouds import clouds
from ..cluster.plan import ClusterPlan, plan_cluster
from ..engines import engines
from ..gateway.plan import GatewayPlan, check_gateway, plan_gateway
from ..network.plan import NetworkPlan, check_network, plan_network
from ..nodes.plan import PoolPlan, check_pool, may_fragment, nodes_needed, plan_pool
from ..problems import PlanError, Problem, check_known
from ..serving.gate import check_fit, served_model
from ..serving.parallelism import check_parallelism, tensor_parallel
from ..serving.plan import ServerPlan, ask_of, check_server, plan_server
from ..storage.plan import VolumePlan, WeightsPlan, check_weights, plan_weights
from .spec import BlueprintSpec

KEYS_SECRET = "gateway-keys"  # noqa: S105  # the name of a config key
TLS_SECRET = "gateway-tls"  # noqa: S105  # the name of a config key


@dataclass(frozen=True, kw_only=True, slots=True)
class BlueprintPlan:
    cluster: ClusterPlan
    network: NetworkPlan
    pools: tuple[PoolPlan, ...]
    weights: tuple[WeightsPlan, ...]
    servers: tuple[ServerPlan, ...]
    gateway: GatewayPlan
    secret_keys: tuple[str, ...]  # config keys that the program reads as secrets

    @property
    def claimed_weights(self) -> tuple[WeightsPlan, ...]:
        return tuple(w for w in self.weights if w.creates_claim and w.volume is None)

    @property
    def host_path_weights(self) -> tuple[tuple[WeightsPlan, VolumePlan], ...]:
        return tuple((w, w.volume) for w in self.weights if w.volume is not None)


def plan_blueprint(spec: BlueprintSpec) -> BlueprintPlan:
    """Decide everything; raises PlanError with all problems of all slices."""
    cloud = clouds()[spec.cloud]
    pools = {name: plan_pool(name, pool, cloud) for name, pool in spec.pools.items()}
    weights = _plan_all_weights(spec, pools)
    names = _served_names(spec)
    if problems := [
        *check_network(spec.network),
        *(
            problem
            for name, pool in spec.pools.items()
            for problem in check_pool(name, pool, cloud)
        ),
        *_check_servers(spec, pools, weights, names),
        *_check_capacity(spec, pools),
        *_check_all_weights(spec),
        *check_gateway(spec.gateway, spec.servers),
    ]:
        raise PlanError(problems)

    network = plan_network(spec.network, spec.tags)
    servers = {
        name: plan_server(
            name, s, pools[s.pool], weights.get(s.weights or ""), names[name], tags=spec.tags
        )
        for name, s in spec.servers.items()
    }
    private_ca = spec.gateway.tls.mode == "private-ca"
    return BlueprintPlan(
        cluster=plan_cluster(spec.cluster, spec.tags),
        network=network,
        pools=tuple(pools.values()),
        weights=tuple(weights.values()),
        servers=tuple(servers.values()),
        gateway=plan_gateway(spec.gateway, servers, network, spec.cluster.dns_domain, spec.tags),
        secret_keys=(KEYS_SECRET, TLS_SECRET) if private_ca else (KEYS_SECRET,),
    )


def plan_warnings(plan: BlueprintPlan) -> tuple[Problem, ...]:
    """List what works but a careful operator wants to know before it is created."""
    return (*_unresolved_digests(plan), *_gaps(plan), *_fragments(plan), *_fits(plan))


def _served_names(spec: BlueprintSpec) -> dict[str, tuple[str, ...]]:
    """Map each server to the aliases that route to it: the names that its engine answers to."""
    names: dict[str, list[str]] = {server: [] for server in spec.servers}
    for alias, shares in spec.gateway.aliases.items():
        for server in shares:
            names.setdefault(server, []).append(alias)
    return {server: tuple(sorted(aliases)) for server, aliases in names.items()}


def _check_servers(
    spec: BlueprintSpec,
    pools: Mapping[str, PoolPlan],
    weights: Mapping[str, WeightsPlan],
    names: Mapping[str, tuple[str, ...]],
) -> Iterator[Problem]:
    for name, server in spec.servers.items():
        where = f"servers.{name}"
        yield from check_known(f"{where}.pool", "pool", server.pool, pools)
        if server.weights is not None:
            yield from check_known(f"{where}.weights", "weights", server.weights, weights)
        if server.pool not in pools:
            continue
        pool = pools[server.pool]
        split = list(check_parallelism(where, server, served_model(server), pool))
        yield from split
        place = weights.get(server.weights or "")
        ask = ask_of(name, server, pool, place, names[name])
        found = list(check_server(server, ask))
        yield from found
        if engines()[server.engine].needs_weights and not split:
            told = {problem.where for problem in found}
            gpus = ask.tensor_parallel, pool.gpus_per_node
            gate = check_fit(where, server, ask.accelerator, *gpus)
            yield from (problem for problem in gate if problem.where not in told)


def _check_capacity(spec: BlueprintSpec, pools: Mapping[str, PoolPlan]) -> Iterator[Problem]:
    for pool in pools.values():
        users = {name: s for name, s in spec.servers.items() if s.pool == pool.name}
        sizes = {name: tensor_parallel(s, served_model(s), pool) for name, s in users.items()}
        if max(sizes.values(), default=0) > pool.gpus_per_node:
            continue  # check_parallelism has said so
        replicas = [sizes[name] for name, s in users.items() for _ in range(s.replicas)]
        needed = nodes_needed(replicas, pool.gpus_per_node)
        if needed > pool.usable_nodes:
            sums = " + ".join(f"{users[n].replicas} x {size} ({n})" for n, size in sizes.items())
            have = f"{pool.usable_nodes} usable nodes of {pool.gpus_per_node} GPUs"
            yield Problem(
                f"pools.{pool.name}",
                f"replicas need {sums} = {sum(replicas)} GPUs on {needed} nodes; there are {have}",
                "Use fewer replicas or GPUs in each, add nodes, or keep fewer spare.",
            )


def _models_in(spec: BlueprintSpec, weights: str) -> list[Model]:
    return [served_model(s) for s in spec.servers.values() if s.weights == weights]


def _check_all_weights(spec: BlueprintSpec) -> Iterator[Problem]:
    for name, weights in spec.weights.items():
        stored = _models_in(spec, name)
        yield from check_weights(name, weights, stored)
        if not stored:
            yield Problem(f"weights.{name}", "no server reads from it", "Use it or remove it.")


def _plan_all_weights(spec: BlueprintSpec, pools: Mapping[str, PoolPlan]) -> dict[str, WeightsPlan]:
    planned: dict[str, WeightsPlan] = {}
    for name, weights in spec.weights.items():
        users = {s.pool for s in spec.servers.values() if s.weights == name}
        readers = [pool for pool in pools.values() if pool.name in users]
        planned[name] = plan_weights(name, weights, _models_in(spec, name), readers, spec.tags)
    return planned


def _unresolved_digests(plan: BlueprintPlan) -> Iterator[Problem]:
    used = {server.container.image for server in plan.servers} | {plan.gateway.image_name}
    for name in sorted(used):
        if images()[name].digest == UNRESOLVED:
            yield Problem(
                f"images.lock.yaml: {name}",
                f"{images()[name].reference} is pinned by tag only",
                "Write its digest there, read on a connected machine.",
            )


def _gaps(plan: BlueprintPlan) -> Iterator[Problem]:
    for server in plan.servers:
        if server.replicas == 1:
            yield Problem(
                f"servers.{server.name}.replicas",
                "an update stops its one pod before it starts the new one: up to "
                f"{server.grace_seconds} s to drain and {server.startup_seconds} s to load "
                "without an answer",
                "Use two replicas where that is too long.",
            )


def _fits(plan: BlueprintPlan) -> Iterator[Problem]:
    for server in plan.servers:
        if server.fit is not None:
            yield from server.fit.warnings
            continue
        yield Problem(
            f"servers.{server.name}.engine",
            f"{server.engine} loads no weights, so nothing was checked to fit",
            f"`blueprint fit --model {server.model}` answers it for an engine that does.",
        )


def _fragments(plan: BlueprintPlan) -> Iterator[Problem]:
    for pool in plan.pools:
        users = [server for server in plan.servers if server.pool == pool.name]
        sizes = [server.tensor_parallel for server in users for _ in range(server.replicas)]
        if may_fragment(sizes, pool.usable_nodes, pool.gpus_per_node):
            large = max(users, key=lambda server: server.tensor_parallel)
            yield Problem(
                f"pools.{pool.name}",
                f"smaller replicas spread over its nodes can leave none with "
                f"{large.tensor_parallel} free GPUs for {large.name}, which then stays Pending",
                "Give the large replicas a pool of their own.",
            )
