"""Long commands: output into a log, a line with the elapsed time to the user now and then."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import Report

_EVERY_SECONDS = 5
_THEN_EVERY_SECONDS = 15
_PATIENCE_SECONDS = 60  # after this the lines come less often


def elapsed(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


@dataclass(frozen=True)
class Command:
    arguments: Sequence[str]
    folder: Path | None = None
    environment: Mapping[str, str] | None = None


def run_logged(
    command: Command,
    log: Path,
    what: str,
    report: Report,
    detail: Callable[[], str] = lambda: "",
) -> int:
    """Run to the end and return the exit status; a cancelled caller leaves no command behind."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # one group to end: the go command starts compilers
        )
    try:
        while True:
            seconds = time.monotonic() - started
            pause = _EVERY_SECONDS if seconds < _PATIENCE_SECONDS else _THEN_EVERY_SECONDS
            try:
                return process.wait(timeout=pause)
            except subprocess.TimeoutExpired:
                report(f"{what} … {elapsed(time.monotonic() - started)}{detail()}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
