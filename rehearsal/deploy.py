"""A stack, deployed by the real engine to a cluster whose nodes are simulated.

So are its pods, unless `runs_pods`: then those of the gateway and of engine simulators are
processes of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from components.blueprint.load import parse_spec
from components.blueprint.plan import TLS_SECRET, BlueprintPlan, plan_blueprint
from components.engines.simulator import ADMIN_PORT
from components.nodes.plan import PoolPlan
from components.storage.plan import WeightsPlan
from operations.issuing import add_certificate, add_key, tenants_with_keys
from operations.pulumi_cli import PulumiCli

from . import control_plane, nodes, volumes
from .control_plane import Running
from .node import entry, programs
from .tools import Toolbox, ensure
from .workspace import Workspace

ENGINE_TOOLS = ("pulumi", "pulumi-resource-kubernetes")
KEY_DAYS = 365
SIMULATOR, GATEWAY = "simulator", "gateway"


@dataclass
class Rehearsal:
    """One folder with a control plane, a workspace, and the keys of the stack's tenants."""

    folder: Path
    stack: str
    report: Callable[[str], None]
    api_port: int | None = None
    runs_pods: bool = False
    embedded: bool = True  # else on a cluster that the user has

    def __post_init__(self) -> None:
        self.workspace = Workspace(folder=self.folder, stack=self.stack)
        self.control_plane = self.folder / "control-plane"
        self._toolbox: Toolbox | None = None

    @property
    def tools(self) -> Toolbox:
        """What this needs, made where it is missing; asked for once."""
        if self._toolbox is None:
            cluster = control_plane.TOOLS if self.embedded else ()
            pods = programs.TOOLS if self.runs_pods else ()
            self._toolbox = ensure((*ENGINE_TOOLS, *cluster, *pods), self.report)
        return self._toolbox

    def plan(self) -> BlueprintPlan:
        return plan_blueprint(parse_spec(self.workspace.read_spec()))

    def start(self) -> Running:
        """Find the control plane of this folder, or start one that ends with this process."""
        running = control_plane.find(self.control_plane)
        if running is None:
            running = control_plane.ControlPlane.start(
                self.control_plane,
                self.tools,
                attached=True,
                api_port=self.api_port,
                context=self.plan().cluster.context,
                runs_pods=self.runs_pods,
            )
        return running

    def simulate(self, running: Running) -> None:
        """Register simulated nodes for every pool, and volumes for every claim that needs one.

        A pool runs its pods where every engine on it can run here: the simulator.
        """
        plan = self.plan()
        busy = {server.pool for server in plan.servers if server.engine != SIMULATOR}
        nodes.register(
            running.kubeconfig,
            [
                simulated(pool, runs_pods=running.runs_pods and pool.name not in busy)
                for pool in plan.pools
            ],
            runs_pods=running.runs_pods,
        )
        self._provide_volumes(running, plan.claimed_weights)

    def settle_in(self, running: Running) -> None:
        """Make what the user's own cluster lacks and nobody will miss: volumes that none reads."""
        plan = self.plan()
        self._provide_volumes(running, [w for w in plan.claimed_weights if is_unread(w, plan)])

    @staticmethod
    def _provide_volumes(running: Running, claimed: Iterable[WeightsPlan]) -> None:
        wanted = [
            volumes.SimulatedVolume(
                name=f"simulated-{weights.claim}",
                storage_class=weights.storage_class or "",
                size_gib=weights.size_gib,
            )
            for weights in claimed
        ]
        volumes.provide(running.kubeconfig, wanted)

    def open_ways_in(self, running: Running) -> dict[str, int]:
        """Give the gateway, and the admin port of each simulator, one of this machine: name → port.

        A way in that is open stays as it is; a pod may come back elsewhere behind it.
        """
        plan, opened = self.plan(), entry.open_entries(running.state_dir)
        gateway = plan.gateway
        wanted = {GATEWAY: f"services/{gateway.namespace}/{gateway.name}:{gateway.service_port}"}
        for server in plan.servers:
            if server.engine == SIMULATOR:
                for pod in (f"{server.name}-{index}" for index in range(server.replicas)):
                    wanted[pod] = f"pods/{server.namespace}/{pod}:{ADMIN_PORT}"
        kept = self.folder / "ports.json"  # what clients were told stays right after a new start
        former: dict[str, int] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
        for name in wanted.keys() - opened.keys():
            with entry.listen_again(former.get(name, 0)) as door:
                entry.open_entry(running.state_dir, name, door, wanted[name])
        opened = entry.open_entries(running.state_dir)
        kept.write_text(json.dumps(opened), "utf-8")
        return opened

    def cli(self, running: Running) -> PulumiCli:
        tools = self.tools.environment(self.folder / "pulumi-home")
        cli = self.workspace.cli(tools, running.kubeconfig)
        # Whoever holds this folder's lock is alone at work: a lock of the engine's is a dead one's.
        if any((self.folder / "state/.pulumi/locks").rglob("*.json")):
            cli.call("cancel", "--yes")
        return cli

    def issue_secrets(self, cli: PulumiCli) -> dict[str, str]:
        """Give every tenant without a key one, and the gateway a certificate; answer the keys."""
        plan, kept = self.plan(), self._kept_keys()
        holders = tenants_with_keys(cli) & kept.keys()
        for tenant in plan.gateway.tenants:
            if tenant.name not in holders:
                kept[tenant.name] = add_key(cli, self.stack, tenant.name, KEY_DAYS)
        if TLS_SECRET in plan.secret_keys and cli.secret(TLS_SECRET) is None:
            add_certificate(cli, plan.gateway.dns_names, KEY_DAYS)
        return {tenant.name: kept[tenant.name] for tenant in plan.gateway.tenants}

    def _kept_keys(self) -> dict[str, str]:
        access = self.folder / "access.json"
        if not access.exists():
            return {}
        keys: dict[str, str] = json.loads(access.read_text("utf-8"))["api_keys"]
        return keys


def is_unread(weights: WeightsPlan, plan: BlueprintPlan) -> bool:
    """Tell whether only engine simulators mount these weights."""
    return {s.engine for s in plan.servers if s.claim == weights.claim} <= {SIMULATOR}


def simulated(pool: PoolPlan, *, runs_pods: bool = False) -> nodes.SimulatedPool:
    """Say which nodes play a pool."""
    return nodes.SimulatedPool(
        name=pool.name,
        nodes=pool.nodes,
        gpus_per_node=pool.gpus_per_node,
        gpu_resource=pool.gpu_resource,
        labels=pool.node_labels,
        taint_key=pool.taint_key,
        runs_pods=runs_pods,
    )
