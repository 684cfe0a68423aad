"""Starting the supervisor of a control plane, and explaining why it did not stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import IO, Any

from components.problems import Problem

from . import supervisor
from .cluster import LOOPBACK, Cluster
from .node import entry, needs
from .processes import is_locked, until

ADDRESS_TAKEN = "address already in use"
START_SECONDS = 150.0  # the supervisor gives up earlier, and knows why
_TAIL_LINES = 8


def read_state(folder: Path) -> dict[str, Any]:
    """Read what a supervisor last said about itself; empty where there was none."""
    try:
        state: dict[str, Any] = json.loads((folder / supervisor.STATE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state


def launch(cluster: Cluster) -> IO[bytes] | Problem:
    """Start everything; the answer is a tie that, closed, ends it, or what went wrong."""
    if not cluster.runs_pods:
        return _launch(cluster)
    port = cluster.ports["api"]
    try:
        door = entry.listen(port)  # of this machine; in the enclosure the same port is another
    except OSError as error:
        return Problem(f"port {port}", f"{ADDRESS_TAKEN}: {error}", "Try again.")
    with door:
        tie = _launch(cluster)
        if not isinstance(tie, Problem):
            entry.open_entry(cluster.folder, "api", door, f"{LOOPBACK}:{port}")
    return tie


def _launch(cluster: Cluster) -> IO[bytes] | Problem:
    folder, run = cluster.folder, uuid.uuid4().hex
    facts = {
        "kubeconfig": str(cluster.kubeconfig),
        "server": cluster.server,
        "context": cluster.context,
        "api_port": str(cluster.ports["api"]),
        "pods": "processes" if cluster.runs_pods else "",
    }
    plan = supervisor.Plan(
        run=run, stages=cluster.stages(), facts=facts, enclosed=cluster.runs_pods
    )
    process = _spawn(folder)
    tie = process.stdin
    if tie is None:
        raise AssertionError("a pipe was asked for")
    try:
        tie.write(plan.line())
        tie.flush()
        if process.wait() == 0:  # it has the lock and has gone into the background
            until(lambda: _settled(folder, run), START_SECONDS)
        state = read_state(folder)
        if state.get("run") == run and state["status"] == supervisor.READY:
            return tie
    except BrokenPipeError:
        state = {}
    except BaseException:
        tie.close()
        process.wait()
        raise
    tie.close()
    process.wait()
    return _explained(folder, state if state.get("run") == run else {})


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with (folder / "log" / "supervisor.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "rehearsal.supervisor", str(folder)],
            env={**os.environ, "PYTHONPATH": paths, "PATH": needs.search_path()},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in a terminal is for the launcher alone
        )


def _settled(folder: Path, run: str) -> bool:
    state = read_state(folder)
    if state.get("run") == run and state["status"] != supervisor.STARTING:
        return True
    return not is_locked(folder / supervisor.SUPERVISOR_LOCK)


def _explained(folder: Path, state: dict[str, Any]) -> Problem:
    reason = state.get("reason") or "its supervisor ended early"
    log = folder / "log" / f"{reason.split()[0]}.log"
    if not log.exists():
        log = folder / "log" / "supervisor.log"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
    return Problem(
        f"control plane in {folder}",
        f"{reason}; the end of its log:\n{tail}",
        f"The logs are in {log.parent}. If etcd cannot read its data, remove {folder}.",
    )
