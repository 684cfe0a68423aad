"""Getting tools: from PATH, from the cache, from a download, from a build, in this order."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from components.problems import Problem, nearest

from .building import build_tool
from .cache import Entry, Report, cache_root, locked
from .download import download_tool
from .manifest import Tool, machine, tools
from .problems import ToolError, no_cache, no_source, no_wheel
from .toolbox import Toolbox
from .versions import found_on_path


def ensure(names: Iterable[str], report: Report) -> Toolbox:
    """Have these tools, whatever it takes; `report` gets a line of progress now and then.

    What is present costs milliseconds. Raises ToolError with where, what and fix.
    """
    wanted = _known(names)
    return Toolbox({tool.name: _provide(tool, report) for tool in wanted})


def locate(tool: Tool) -> tuple[Path, str] | None:
    """Find a tool that is present, and say where it came from."""
    if tool.wheel is not None and (program := _from_wheel(tool)):
        return program, f"wheel {tool.wheel}"
    if program := found_on_path(tool):
        return program, "PATH"
    entry = Entry.of(tool)
    return (entry.path, entry.origin()) if entry.is_whole() else None


def _known(names: Iterable[str]) -> list[Tool]:
    asked = list(dict.fromkeys(names))
    listed = ", ".join(tools())
    unknown = [name for name in asked if name not in tools()]
    if unknown:
        raise ToolError(
            Problem(f"tool {name}", "is not listed", f"{nearest(name, tools())}Known: {listed}.")
            for name in unknown
        )
    return [tools()[name] for name in asked]


def _provide(tool: Tool, report: Report) -> Path:
    if present := locate(tool):
        return present[0]
    if tool.wheel is not None:
        raise ToolError([no_wheel(tool)])
    entry = Entry.of(tool)
    try:
        with locked(tool.name, report):
            if not entry.is_whole():  # another process may have made it while we waited
                _make(entry, report)
    except OSError as error:
        raise ToolError([no_cache(cache_root(), error)]) from error
    return entry.path


def _make(entry: Entry, report: Report) -> None:
    tool = entry.tool
    if tool.download is not None and download_tool(entry, tool.download, report):
        return
    if tool.build is None:
        raise ToolError([no_source(tool, machine())])
    build_tool(entry, tool.build, report)


def _from_wheel(tool: Tool) -> Path | None:
    """Find the program that a wheel put beside this Python."""
    found = shutil.which(tool.name, path=sysconfig.get_path("scripts"))
    return Path(found) if found else None
