"""Free ports, and a requested one that is not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from components.problems import Problem


def free_ports(address: str, count: int) -> Sequence[int]:
    """Pick free ports, all different. Another process may take one before it is used."""
    with ExitStack() as held:
        sockets = [held.enter_context(_socket(address)) for _ in range(count)]
        for each in sockets:
            each.bind((address, 0))
        return [each.getsockname()[1] for each in sockets]


def is_free(address: str, port: int) -> bool:
    return trouble(address, port, "") is None


def trouble(address: str, port: int, setting: str) -> Problem | None:
    """Say why a port cannot be listened on, if it cannot."""
    with _socket(address) as probe:
        # As servers do: connections that wait for their end are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as error:
            return _explained(error, address, port, setting)
    return None


def _socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


def _explained(error: Exception, address: str, port: int, setting: str) -> Problem:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Problem(
            setting,
            f"port {port} on {address} is taken by another program",
            f"Set {setting} to another port, or unset it to get a free one.",
        )
    return Problem(
        setting,
        f"port {port} on {address} cannot be used: {error}",
        f"Set {setting} to a port from 1024 to 65535, or unset it to get a free one.",
    )
