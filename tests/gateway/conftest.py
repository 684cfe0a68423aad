"""Good plans, and one gateway with its engines for all tests that only ask it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from components.clouds import clouds
from components.gateway.plan import check_gateway, plan_gateway
from components.gateway.spec import GatewaySpec
from components.network.plan import plan_network
from components.network.spec import NetworkSpec
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.serving.plan import plan_server
from components.serving.spec import ServerSpec
from tests.gateway.site import Site, free_port
from tests.gateway.specs import ALIASES, GOOD, PODS, TENANTS, TIERS
from tests.gateway.stand_ins import Engine, Names

SIMULATOR = Path(__file__).parents[2] / "rehearsal/engine/simulator.py"


@pytest.fixture(scope="session")
def spec():
    """Make a good spec with some fields replaced."""
    return lambda **changed: GatewaySpec.model_validate(GOOD | changed)


@pytest.fixture(scope="session")
def servers():
    """Plan servers of these names, on the engine simulator."""
    pool_spec = PoolSpec(accelerator="h200-141gb", nodes=9, gpus_per_node=8)
    pool = plan_pool("h200", pool_spec, clouds()["onprem"])
    server = ServerSpec(
        model="deepseek-r1-0528",
        engine="simulator",
        pool="h200",
        context_tokens=4096,
        concurrency=4,
    )
    return lambda *names: {n: plan_server(n, server, pool, None, (), tags={}) for n in names}


@pytest.fixture(scope="session")
def planned(spec, servers):
    """Plan the gateway of a changed spec, in front of all servers that its aliases name."""

    def plan(exposure="internal", **changed):
        wanted = spec(**changed)
        names = sorted({name for shares in wanted.aliases.values() for name in shares})
        assert list(check_gateway(wanted, names)) == []
        network = plan_network(NetworkSpec(exposure=exposure, egress="closed"), {})
        return plan_gateway(wanted, servers(*names), network, "cluster.local", {"owner": "test"})

    return plan


@pytest.fixture(scope="session")
def world():
    """Engines on addresses of their own, all on one port, and the names that lead to them."""
    names, port = Names(), free_port()
    for server, addresses in PODS.items():
        names.addresses[f"{server}-pods.deepseek-serving.svc.cluster.local"] = addresses
    pods = ("127.0.0.12", "127.0.0.13", "127.0.0.14", "127.0.0.15")
    engines = {address: Engine(address, port) for address in pods}
    command = [sys.executable, SIMULATOR, "--host=127.0.0.11", f"--port={port}"]
    options = [
        "--served-model-name=simulated",
        "--decode-tokens-per-second=200",
        "--force-include-usage",
        "--concurrency=200",
    ]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE) as simulator:
        simulator.stdout.readline()  # it listens
        metrics = f"http://127.0.0.11:{port}/metrics"
        yield SimpleNamespace(
            names=names, port=port, engines=engines, running=lambda: running_of(metrics)
        )
        simulator.terminate()


def running_of(metrics):
    [line] = [
        x
        for x in httpx.get(metrics).text.splitlines()
        if x.startswith("vllm:num_requests_running{")
    ]
    return int(float(line.split()[1]))


@pytest.fixture(scope="session")
def live_plan(planned, world):
    plan = planned(aliases=ALIASES, tiers=TIERS, tenants=TENANTS)
    upstreams = tuple(replace(upstream, port=world.port) for upstream in plan.upstreams)
    times = replace(plan.times, header_seconds=2, body_seconds=1, read_seconds=2)
    return replace(plan, upstreams=upstreams, times=times)


@pytest.fixture(scope="session")
def gateway(live_plan, world, tmp_path_factory):
    """A gateway that tests may ask but not change; `keys` has one key of each tenant."""
    site = Site(live_plan, tmp_path_factory.mktemp("gateway"), world.names.port)
    site.keys = {tenant.name: site.issue(tenant.name) for tenant in live_plan.tenants}
    yield site.start_with_engines(site.keys["acme"])
    site.stop()
