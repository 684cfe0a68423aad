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

from . import control_plane, existing, volumes
from .access import answers, ask_lines, why_no_url, write_access
from .control_plane import Running
from .deploy import Rehearsal
from .node import needs
from .workspace import ROOT


def up(stack: str, folder: Path, api_port: int | None, kubeconfig: Path | None = None) -> int:
    """Deploy `stack`, to an embedded cluster or to that of `kubeconfig`.

    An embedded control plane stays if that succeeds. Returns the exit status.
    """
    console, began = Console(highlight=False), time.monotonic()

    def report(line: str) -> None:
        seconds = time.monotonic() - began
        console.print(f"[dim]{seconds:5.0f} s[/]  {escape(line)}", soft_wrap=True)

    check_stack(stack)  # refuses before anything is started
    with _alone(folder):
        _refuse_another_place(folder, kubeconfig)
        rehearsal = Rehearsal(folder, stack, report, api_port, embedded=kubeconfig is None)
        running = _on_existing(rehearsal, kubeconfig) if kubeconfig else _embedded(rehearsal)
        cli = rehearsal.cli(running)
        keys = rehearsal.issue_secrets(cli)
        report("API keys and certificate: in the stack's config, encrypted")
        access = write_access(rehearsal, running, cli, keys)
        if status := cli.show("up", "--yes", "--skip-preview", "--color", "never"):
            report("the engine could not deploy it; what stands above says why")
            return status
        running.detach()
        if not answers(rehearsal, access):
            report("the gateway does not answer; `kubectl logs` of its pods say why")
            return 1
        _say_goodbye(console, rehearsal, running, cli, access["gateway_url"])
        report("done")
    return 0


def _embedded(rehearsal: Rehearsal) -> Running:
    report = rehearsal.report
    lacking = needs.lacking(report)
    rehearsal.runs_pods = lacking is None
    rehearsal.workspace.prepare()
    report(f"stack {rehearsal.stack}: the plan holds")
    running = rehearsal.start()
    report(f"control plane: {running.server}")
    rehearsal.simulate(running)
    report(_who_runs_pods(running, lacking))
    return running


def _on_existing(rehearsal: Rehearsal, kubeconfig: Path) -> Running:
    running = existing.adopt(rehearsal.folder, kubeconfig)
    rehearsal.workspace.prepare(context=running.context)
    existing.check(running, rehearsal.plan())
    rehearsal.report(f"cluster {running.server}: has what {rehearsal.stack} needs")
    existing.remember(rehearsal.folder, running, rehearsal.stack)
    rehearsal.settle_in(running)
    return running


def _refuse_another_place(folder: Path, kubeconfig: Path | None) -> None:
    """Keep one folder to one cluster: else what was deployed to the other is forgotten."""
    embedded = (folder / "control-plane").exists()
    if embedded if kubeconfig is not None else existing.adopted(folder):
        other = "an embedded cluster" if embedded else "a cluster of yours"
        what = f"what lies here is deployed to {other}"
        raise PlanError([Problem(str(folder), what, "`make down` first.")])


def down(folder: Path) -> int:
    """Take everything down and remove the folder; says so where there is nothing."""
    console = Console(highlight=False)
    if not folder.exists():
        console.print("nothing is up")
        return 0
    with _alone(folder):
        if found := existing.adopted(folder):
            running, stack = found
            cli = Rehearsal(folder, stack, console.print, embedded=False).cli(running)
            if status := cli.show("destroy", "--yes", "--skip-preview", "--color", "never"):
                return status
            volumes.withdraw(running.kubeconfig)
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


def _say_goodbye(
    console: Console, rehearsal: Rehearsal, running: Running, cli: PulumiCli, url: str | None
) -> None:
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
    for line in ask_lines(rehearsal, running, url, _near(rehearsal.folder)):
        console.print(f"  {line}", soft_wrap=True, markup=False)
    console.print("  make down")
    if why := why_no_url(running):
        console.print(f"\n{why}.", style="dim")


def _near(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
