"""How answers look: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.problems import PlanError, Problem

if TYPE_CHECKING:  # the plan is needed by one command only
    from .check import Checked

SCHEMA = 1
PIPE_COLUMNS = 120


def show_check(checked: Checked, *, as_json: bool) -> None:
    if as_json:
        summary = {**_summary(checked), "warnings": [asdict(w) for w in checked.warnings]}
        print_json("ok", stack=checked.stack, **summary, problems=[])
        return
    console = open_console()
    plan, gateway = checked.plan, checked.plan.gateway
    console.print(f"[bold green]{checked.stack} can be deployed[/]  plan {checked.digest[:12]}")
    heads = ("server", "model", "engine", "replicas × GPUs", "pool", "cache", "starts within")
    table = new_table(*heads)
    for server, row in zip(plan.servers, _summary(checked)["servers"], strict=True):
        table.add_row(
            server.name,
            server.model,
            f"{server.engine} {server.container.version}",
            f"{server.replicas} × {server.tensor_parallel}",
            row["pool"],
            f"{server.fit.cache_tokens:,} tokens" if server.fit else "not checked",
            f"{server.startup_seconds} s, expected {server.ready_seconds}",
        )
    console.print(table)
    console.print(
        f"gateway: {counted(gateway.replicas, 'replica')}, "
        f"{counted(len(gateway.tenants), 'tenant')}, "
        f"models {', '.join(route.alias for route in gateway.routes)}; "
        f"reached from {', '.join(plan.network.client_cidrs)}",
        highlight=False,
    )
    if checked.warnings:
        console.print("\n[yellow]worth knowing[/]")
        console.print(problem_table(checked.warnings))


def show_refusal(refused: PlanError, *, as_json: bool) -> None:
    if as_json:
        print_json("refused", problems=[asdict(problem) for problem in refused.problems])
        return
    console = open_console(stderr=True)
    count = counted(len(refused.problems), "problem")
    console.print(f"[bold red]refused[/], {count}; nothing was changed")
    console.print(problem_table(refused.problems))


def show_failure(error: OSError) -> None:
    open_console(stderr=True).print(f"[bold red]could not do its work[/]: {escape(str(error))}")


def show_paths(paths: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        print_json("ok", files=[str(path) for path in paths])
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"wrote {counted(len(paths), 'file')}")
    for path in paths:
        console.print(f"  {escape(str(path))}")


def open_console(*, stderr: bool = False) -> Console:
    """Use the terminal's width; a file or a pipe has none, so it gets a readable one."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PIPE_COLUMNS)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summary(checked: Checked) -> dict[str, Any]:
    plan = checked.plan
    return {
        "plan_digest": checked.digest,
        "servers": [
            {
                "name": server.name,
                "model": server.model,
                "precision": server.precision,
                "engine": server.engine,
                "replicas": server.replicas,
                "tensor_parallel": server.tensor_parallel,
                "pool": server.pool,
                "startup_seconds": server.startup_seconds,
                "ready_seconds": server.ready_seconds,
                "image": server.image,
                "kv_cache_tokens": server.fit.cache_tokens if server.fit else None,
            }
            for server in plan.servers
        ],
        "gateway": {"replicas": plan.gateway.replicas, "tenants": len(plan.gateway.tenants)},
    }


def print_json(verdict: str, **fields: object) -> None:
    print(json.dumps({"schema": SCHEMA, "verdict": verdict, **fields}, indent=1))  # noqa: T201  # a program reads it


def problem_table(problems: Iterable[Problem]) -> Table:
    table = new_table("where", "what", "how to fix")
    for problem in problems:
        place = problem.where if problem.line is None else f"{problem.where}\nline {problem.line}"
        table.add_row(escape(place), escape(problem.what), escape(problem.fix))
    return table


def new_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_lines=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
