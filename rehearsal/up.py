"""`make up` and `make down`: from nothing to a deployed stack, and back."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from components.blueprint.render import render_texts
from components.problems import PlanError, Problem
from operations.check import check_stack
from operations.pulumi_cli import PulumiCli

from . import control_plane
from .access import NO_PODS, answers, ask_lines, write_access
from .control_plane import Running
from .deploy import Rehearsal
from .node import needs
from .workspace import ROOT


def up(stack: str, folder: Path, api_port: int | None) -> int:
    """Deploy `stack`; the control plane stays if that succeeds. Returns the exit status."""
    console, began = Console(highlight=False), time.monotonic()

    def report(line: str) -> None:
        seconds = time.monotonic() - began
        console.print(f"[dim]{seconds:5.0f} s[/]  {escape(line)}", soft_wrap=True)

    check_stack(stack)  # refuses before anything is started
    with _alone(folder):
        lacking = needs.lacking(report)
        rehearsal = Rehearsal(folder, stack, report, api_port, runs_pods=lacking is None)
        rehearsal.workspace.prepare()
        report(f"stack {stack}: the plan holds")
        running = rehearsal.start()
        report(f"control plane: {running.server}")
        rehearsal.simulate(running)
        report(_who_runs_pods(running, lacking))
        cli = rehearsal.cli(running)
        keys = rehearsal.issue_secrets(cli)
        report("API keys and certificate: in the stack's config, encrypted")
        write_access(rehearsal, running, cli, keys)
        if status := cli.show("up", "--yes", "--skip-preview", "--color", "never"):
            report("the engine could not deploy it; what stands above says why")
            return status
        running.detach()
        if not answers(rehearsal, running, keys):
            report("the gateway does not answer; `kubectl logs` of its pods say why")
            return 1
        _say_goodbye(console, rehearsal, running, cli)
        report("done")
    return 0


def down(folder: Path) -> int:
    """Stop the control plane and remove its folder; says so where there is none."""
    console = Console(highlight=False)
    if not folder.exists():
        console.print("nothing is up")
        return 0
    with _alone(folder):
        control_plane.stop(folder / "control-plane")
        shutil.rmtree(folder)
    console.print(f"stopped; {_near(folder)} is removed")
    return 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, so that no two commands work on one state."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another `make up` or `make down` is at work here"
            raise PlanError([Problem(str(folder / "lock"), what, "Wait until it ends.")]) from None
        yield


def _who_runs_pods(running: Running, lacking: Problem | None) -> str:
    if running.runs_pods:
        return "nodes: simulated; pods of the gateway and of simulators: processes of this machine"
    if lacking is None:
        return "nodes and pods: simulated by kwok; `make down` first, to have pods that run"
    return f"nodes and pods: simulated by kwok, because {lacking.what}. {lacking.fix}"


def _say_goodbye(console: Console, rehearsal: Rehearsal, running: Running, cli: PulumiCli) -> None:
    texts = rehearsal.folder / "rendered"
    for name, text in render_texts(rehearsal.plan()).items():
        (texts / name).parent.mkdir(parents=True, exist_ok=True)
        (texts / name).write_text(text, "utf-8")
    outputs: dict[str, Any] = json.loads(cli.call("stack", "output", "--json"))
    console.rule(f"{rehearsal.stack} is deployed")
    for name, value in outputs.items():
        console.print(f"  {name:14}{value}", soft_wrap=True)
    kubeconfig = _near(running.kubeconfig)
    console.print("\nWhere to look", style="bold")
    for name, place in (
        ("kubeconfig", kubeconfig),
        ("nginx.conf", _near(texts / "gateway" / "nginx.conf")),
        ("the plan", "kubectl -n deepseek-serving get configmap blueprint-plan -o yaml"),
        ("keys, CA", _near(rehearsal.folder / "access.json")),
    ):
        console.print(f"  {name:14}{place}", soft_wrap=True)
    console.print("\nWhat to try next", style="bold")
    console.print(f"  .venv/bin/kubectl --kubeconfig {kubeconfig} get pods -A -o wide")
    console.print(f"  .venv/bin/blueprint check {rehearsal.stack}")
    console.print("  make down")
    if running.runs_pods:
        for line in ask_lines(rehearsal, running, _near(rehearsal.folder)):
            console.print(f"  {line}", soft_wrap=True, markup=False)
    else:
        console.print(f"\n{NO_PODS}.", style="dim")


def _near(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
