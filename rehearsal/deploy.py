"""A stack, deployed by the real engine to a cluster whose nodes and pods are simulated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.blueprint.load import parse_spec
from components.blueprint.plan import TLS_SECRET, BlueprintPlan, plan_blueprint
from components.nodes.plan import PoolPlan
from operations.issuing import add_certificate, add_key, tenants_with_keys
from operations.pulumi_cli import PulumiCli

from . import control_plane, nodes, volumes
from .control_plane import Running
from .tools import Toolbox, ensure
from .workspace import Workspace

ENGINE_TOOLS = ("pulumi", "pulumi-resource-kubernetes")
KEY_DAYS = 365


@dataclass
class Rehearsal:
    """One folder with a control plane, a workspace, and the keys of the stack's tenants."""

    folder: Path
    stack: str
    report: Callable[[str], None]
    api_port: int | None = None

    def __post_init__(self) -> None:
        self.workspace = Workspace(folder=self.folder, stack=self.stack)
        self.control_plane = self.folder / "control-plane"
        self._toolbox: Toolbox | None = None

    @property
    def tools(self) -> Toolbox:
        """What this needs, made where it is missing; asked for once."""
        self._toolbox = self._toolbox or ensure((*ENGINE_TOOLS, *control_plane.TOOLS), self.report)
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
            )
        return running

    def simulate(self, running: Running) -> None:
        """Register simulated nodes for every pool, and volumes for every claim."""
        plan = self.plan()
        nodes.register(running.kubeconfig, [_simulated(pool) for pool in plan.pools])
        volumes.provide(
            running.kubeconfig,
            [
                volumes.SimulatedVolume(
                    name=f"simulated-{weights.claim}",
                    storage_class=weights.storage_class or "",
                    size_gib=weights.size_gib,
                )
                for weights in plan.claimed_weights
            ],
        )

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


def _simulated(pool: PoolPlan) -> nodes.SimulatedPool:
    return nodes.SimulatedPool(
        name=pool.name,
        nodes=pool.nodes,
        gpus_per_node=pool.gpus_per_node,
        gpu_resource=pool.gpu_resource,
        labels=pool.node_labels,
        taint_key=pool.taint_key,
    )
