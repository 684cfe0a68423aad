"""What pods as processes cost: CPU and memory of the node agent, by the number of pods."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import kubectl, nodes
from .control_plane import TOOLS, ControlPlane, Running
from .node import programs
from .processes import until
from .tools import ensure
from .usage import cpu_seconds, pss_kib

PODS = (10, 50)
WINDOW_SECONDS = 20.0
_READY_SECONDS = 120.0
_SERVER = "mkdir -p /tmp/empty && exec python3 -m http.server 8000 --directory /tmp/empty"


@dataclass(frozen=True)
class AgentCost:
    """The node agent with so many pods that stand still, each probed every 5 seconds."""

    pods: int
    ready_seconds: float  # from their creation until all are ready
    cpu_share: float  # of one core
    memory_mib: int


def measure() -> Iterator[AgentCost]:
    """Start a cluster of its own, and count."""
    toolbox = ensure([*TOOLS, *programs.TOOLS, "kubectl"], lambda _: None)
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane.start(Path(folder), toolbox, attached=True, runs_pods=True) as running,
    ):
        nodes.register(running.kubeconfig, [], runs_pods=True)
        [agent] = _agents(folder)
        for count in PODS:
            begun = time.monotonic()
            kubectl.apply(running.kubeconfig, [_deployment(count)])
            if not until(partial(_all_ready, running, count), _READY_SECONDS):
                raise TimeoutError(f"{_ready(running)} of {count} pods ready")
            ready, before = time.monotonic() - begun, cpu_seconds(agent)
            time.sleep(WINDOW_SECONDS)
            share = (cpu_seconds(agent) - before) / WINDOW_SECONDS
            yield AgentCost(count, ready, share, pss_kib(agent) // 1024)


def _agents(folder: str) -> list[int]:
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if _command(process).startswith(f"{sys.executable} -m rehearsal.node.agent")
        and folder in _command(process)
    ]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it ended


def _all_ready(running: Running, count: int) -> bool:
    return _ready(running) == count


def _ready(running: Running) -> int:
    found = kubectl.call(
        running.kubeconfig, "get", "deployment", "idle", "-o=jsonpath={.status.readyReplicas}"
    )
    return int(found or 0)


def _deployment(replicas: int) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 5, "timeoutSeconds": 5}
    container = {
        "name": "main",
        "image": "python:3.13-slim",
        "command": ["sh", "-c", _SERVER],
        "readinessProbe": probe,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "idle", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "idle"}},
            "template": {
                "metadata": {"labels": {"app": "idle"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
        },
    }
