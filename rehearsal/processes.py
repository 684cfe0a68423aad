"""Processes that must not outlive their owner, and exact answers to whether they live."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
# Loaded here, not between fork and exec, where little is allowed.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; False when its time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def die_with(parent: int) -> Callable[[], None]:
    """Make a `preexec_fn`: the child is killed when the thread that starts it ends.

    Only Linux has this. Elsewhere a killed supervisor leaves its children to the next `stop`.
    """

    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return before_exec


def lock(path: Path, seconds: float = 0) -> IO[str] | None:
    """Take a lock that the system releases when the last process that has this file open ends."""
    file = path.open("a")
    if until(lambda: _try(file, fcntl.LOCK_EX), seconds):
        return file
    file.close()
    return None


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds the lock; no process number can be stale here."""
    try:
        file = path.open()
    except FileNotFoundError:
        return False
    with file:
        # Shared, and only for a moment: whoever wants the lock tries for longer than that.
        return not _try(file, fcntl.LOCK_SH)


def signal_holder(pid: int, number: int, path: Path) -> None:
    """Signal the process that holds a lock, and never another that got its number later."""
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            return
        handle = os.pidfd_open(pid)  # names this process for good; then: is it the one?
        try:
            if is_locked(path):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
    except ProcessLookupError:
        return  # it ended meanwhile


def _try(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
