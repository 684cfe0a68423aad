"""`python -m rehearsal.tools`: the local engine's programs, for people."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .cache import cache_root
from .manifest import Tool, tools
from .problems import ToolError
from .progress import elapsed
from .provision import ensure, locate

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command("ensure")
def ensure_command(
    names: Annotated[list[str] | None, typer.Argument(help="tools; none means all of them")] = None,
) -> None:
    """Get the tools: from PATH, the cache, a download or a build."""
    try:
        toolbox = ensure(names or list(tools()), typer.echo)
    except ToolError as refused:
        sys.exit(str(refused))
    for name, path in toolbox.paths.items():
        typer.echo(f"{name:28} {path}")


@app.command("list")
def list_command() -> None:
    """Show every tool, its version, and where it is or what it would cost."""
    typer.echo(f"cache: {cache_root()}")
    for tool in tools().values():
        present = locate(tool)
        state = f"{present[1]}: {present[0]}" if present else _cost(tool)
        typer.echo(f"{tool.name:28} {tool.version:10} {state}")


def _cost(tool: Tool) -> str:
    wanted = tool.on_path
    fits = f"; or {wanted.at_least} <= version < {wanted.below} on PATH" if wanted else ""
    if tool.build is None:
        return f"missing{fits}"
    minutes = elapsed(tool.build.cold_minutes * 60)
    return f"missing: a cold build takes {minutes} and {tool.build.cold_gib:g} GiB{fits}"


if __name__ == "__main__":
    app()
