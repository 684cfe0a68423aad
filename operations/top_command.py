"""The flags of `blueprint top`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from components.problems import PlanError

COMPLETE, PARTIAL, NO_WORK = 0, 1, 2


def top(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="print one frame; so does a pipe or a file")
    ] = False,
    interval_seconds: Annotated[
        float, typer.Option(min=0.2, max=60, help="between two readings; rates are over it")
    ] = 2.0,
    access: Annotated[Path | None, typer.Option(help="access.json of `make up`")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one frame as a JSON document (schema 1)")
    ] = False,
) -> None:
    """Watch a rehearsal: requests, KV cache, tokens, times to first token, alerts."""
    import asyncio

    from . import output
    from .access import ACCESS
    from .top import screen
    from .top.sources import sources

    try:
        source = sources(access or ACCESS)
    except PlanError as refused:
        output.show_refusal(refused, as_json=as_json)
        raise typer.Exit(NO_WORK) from None
    console = output.open_console()
    try:
        if not (once or as_json) and console.is_terminal:
            asyncio.run(screen.watch(source, interval_seconds, console))
        frame = asyncio.run(screen.first_frame(source, interval_seconds))
    except KeyboardInterrupt:
        return
    if as_json:
        output.print_json("complete" if frame.complete else "partial", **frame.document())
    else:
        console.print(screen.shown(frame))
    raise typer.Exit(COMPLETE if frame.complete else PARTIAL)
