"""Versions as numbers, and programs asked for theirs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .cache import cache_root
from .manifest import OnPath, Tool

_SECONDS = 20  # the first start of a large program from a cold disk


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def fits(version: str, wanted: OnPath) -> bool:
    return as_numbers(wanted.at_least) <= as_numbers(version) < as_numbers(wanted.below)


def version_of(program: Path, ask: tuple[str, ...]) -> str | None:
    """Ask the program; None where it does not answer with a version."""
    try:
        said = subprocess.run(
            [program, *ask],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv?(\d+\.\d+\.\d+)\b", said)
    return match[1] if match else None


def found_on_path(tool: Tool) -> Path | None:
    """Find the tool on PATH, in a version that fits, with what it needs beside it."""
    wanted, found = tool.on_path, shutil.which(tool.name)
    if wanted is None or found is None:
        return None
    program = Path(found)
    # Our own links are on PATH inside Toolbox.environment; the cache is the place to judge those.
    if program.resolve().is_relative_to(cache_root().resolve()):
        return None
    version = version_of(program, wanted.ask)
    if version is None or not fits(version, wanted):
        return None
    if wanted.beside is not None and not companion(program, wanted.beside):
        return None
    return program


def companion(program: Path, name: str) -> Path | None:
    """Find the file that belongs to a program: beside it, or on PATH."""
    beside = program.resolve().parent / name
    if beside.exists():
        return beside
    elsewhere = shutil.which(name)
    return Path(elsewhere) if elsewhere else None
