"""One user, network, mount and process namespace around everything: no root, and no leftovers.

Whoever enters becomes the only child of a process that is number 1 in there. When number 1 ends,
in whatever way, the system kills every process inside and drops every mount and network with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from types import FrameType

_NEW_MOUNTS, _NEW_USERS, _NEW_PROCESSES, _NEW_NETWORK = (
    *(0x0002_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000),
)
_MS_PRIVATE, _MS_REC = 1 << 18, 1 << 14
_LIBC = ctypes.CDLL(None, use_errno=True)


def enter() -> int:
    """Go on as the first program inside; answer the number that number 1 has outside.

    The caller's own process ends here: what returns is a child of number 1, in a process group of
    its own. Open files stay open. Raises OSError, still outside, where the system refuses.
    """
    user, group = os.getuid(), os.getgid()
    _checked(_LIBC.unshare(_NEW_USERS | _NEW_MOUNTS | _NEW_PROCESSES | _NEW_NETWORK), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {user} 1")
    _write("/proc/self/gid_map", f"0 {group} 1")
    told, tell = os.pipe()
    if first := os.fork():
        os.write(tell, str(first).encode())
        os._exit(0)
    os.setsid()  # the group number that outsiders signal is that of number 1
    number = int(os.read(told, 16))
    os.close(told)
    os.close(tell)
    _furnish()
    if child := os.fork():
        _be_first(child)
    return number


def _furnish() -> None:
    """Mount what shows the outside otherwise, and switch loopback on."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("proc", "/proc", "proc")
    _mount("tmpfs", "/run", "tmpfs")  # `ip netns` keeps names there, and the host its sockets
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607  # as PATH says


def _be_first(child: int) -> None:
    """Pass signals on, collect the orphans of others, and end with the child."""

    def pass_on(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    os.closerange(0, 3)
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    made = _LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, None)
    _checked(made, f"mount {target}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123  # one write call, as these files demand
        file.write(text)
