"""How a frame looks, and the loop that draws one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from operations.output import new_table

from .frames import Frame, Row, rows
from .sources import Sources, alerts, readings

UNKNOWN = "–"
FIXES = {  # the first word that stands in the problem
    "exposition": "The engine is faulty, or this is no engine; what could be read is shown.",
    "metrics": "Is this an engine? See simulator_admin_urls in access.json.",
    " is ": "The engine reports it so; the figure is left out.",
    "": "Is the pod ready? After a new `make up`, start this again.",
}


async def frames(source: Sources, interval_seconds: float) -> AsyncIterator[Frame]:
    """Yield a frame per interval: what changed since the reading before."""
    async with aiohttp.ClientSession() as session:
        before = await readings(session, source)
        while True:
            await asyncio.sleep(interval_seconds)
            after, (found, no_alerts) = await asyncio.gather(
                readings(session, source), alerts(session, source)
            )
            yield Frame(
                window_seconds=interval_seconds,
                rows=rows(source.urls, before, after),
                alerts=tuple(found),
                no_alerts=no_alerts,
            )
            before = after


async def first_frame(source: Sources, interval_seconds: float) -> Frame:
    return await anext(frames(source, interval_seconds))


async def watch(source: Sources, interval_seconds: float, console: Console) -> None:
    """Draw until interrupted."""
    with Live("reading …", console=console, auto_refresh=False) as live:
        async for frame in frames(source, interval_seconds):
            live.update(shown(frame), refresh=True)


def shown(frame: Frame) -> RenderableType:
    """Tables: servers, then alerts, then what is wrong and what to do."""
    window = f"{frame.window_seconds:g} s"
    found = new_table(
        "server",
        "running",
        "waiting",
        "KV cache",
        "prompt tok/s",
        "output tok/s",
        "TTFT p50",
        "p95",
    )
    for row in frame.rows:
        found.add_row(escape(_name(row)), *_cells(row))
    head = Text(f"rates and times to first token over the last {window}", style="dim")
    return Group(head, found, _alerts(frame), *_problems(frame))


def _name(row: Row) -> str:
    if row.url is not None:
        return f"{row.server} {row.url}"
    return f"{row.server}, {row.answering} of {row.replicas} replicas"


def _cells(row: Row) -> Iterator[str]:
    yield _cell(row.running, "{:.0f}".format)
    yield _cell(row.waiting, "{:.0f}".format)
    yield _cell(row.kv_cache_share, "{:.1%}".format)
    yield _cell(row.prompt_tokens_per_second, "{:,.1f}".format)
    yield _cell(row.output_tokens_per_second, "{:,.1f}".format)
    yield _cell(row.ttft_p50_seconds, "{:.3f} s".format)
    yield _cell(row.ttft_p95_seconds, "{:.3f} s".format)


def _cell(value: float | None, form: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else form(value)


def _alerts(frame: Frame) -> RenderableType:
    if frame.no_alerts is not None:
        return Text(f"alerts are not known: {frame.no_alerts}", style="dim")
    if not frame.alerts:
        return Text("no alerts", style="green")
    found = new_table("alert", "state", "severity", "summary")
    for alert in frame.alerts:
        found.add_row(
            *(escape(t) for t in (alert.name, alert.state, alert.severity, alert.summary))
        )
    return found


def _problems(frame: Frame) -> Iterator[Table]:
    if frame.complete:
        return
    found = new_table("where", "what", "how to fix")
    for row in frame.rows:
        for problem in row.problems:
            found.add_row(escape(_name(row)), escape(problem), _fix(problem))
    yield found


def _fix(problem: str) -> str:
    return next(fix for word, fix in FIXES.items() if word in problem)
