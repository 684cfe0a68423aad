"""The way in: ports of the host that lead to pods, Services and the API server inside.

A listening socket belongs to the network in which it was opened. So the host opens one and hands
it over through a Unix socket, which is a file and knows no networks; this program, inside, accepts
and connects. A request is one line of JSON, and the socket to listen on comes with it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ..processes import until
from .api import Api, ApiError

SOCKET = "entry.sock"
_LINE = 4096
_PIECE = 1 << 16
_BACKLOG = 1024
_START_SECONDS = 20.0
_LOG = logging.getLogger(__name__)


class EntryError(Exception):
    """Nobody answers at the way in, or the answer is no."""


def open_entry(folder: Path, name: str, listening: socket.socket, target: str) -> None:
    """Hand a listening socket over. A target is address:port, or kind/namespace/name:port."""
    _ask(folder, {"name": name, "target": target, "port": listening.getsockname()[1]}, listening)


def open_entries(folder: Path) -> dict[str, int]:
    """Ask which names have which port of the host."""
    return _ask(folder, {})


def listen(port: int = 0) -> socket.socket:
    """Open a port of loopback; 0 is a free one."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", port))
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def listen_again(former: int) -> socket.socket:
    """Open a port that was ours before, or a free one where somebody else has it now."""
    try:
        return listen(former)
    except OSError:
        return listen()


def _ask(
    folder: Path, request: dict[str, Any], handed: socket.socket | None = None
) -> dict[str, int]:
    with socket.socket(socket.AF_UNIX) as door:
        if not until(lambda: _connects(door, folder), _START_SECONDS):
            raise EntryError(f"nobody answers at {folder / SOCKET}")
        handles = [handed.fileno()] if handed is not None else []
        try:
            socket.send_fds(door, [json.dumps(request).encode() + b"\n"], handles)
            with door.makefile() as answers:
                ports: dict[str, int] = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise EntryError(f"{folder / SOCKET}: {error}") from error
    return ports


def _connects(door: socket.socket, folder: Path) -> bool:
    """Try; the program may still be on its way, or its socket be that of a former one."""
    try:
        with _short(folder) as path:
            door.connect(f"{path}/{SOCKET}")
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Name a folder in few letters: the path of a Unix socket has 107 at most."""
    handle = os.open(folder, os.O_PATH)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


class Entry:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._ports: dict[str, int] = {}
        self._servers: dict[str, asyncio.Server] = {}

    async def serve(self, folder: Path) -> None:
        path = folder / SOCKET
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as door:
            with _short(folder) as short:
                door.bind(f"{short}/{SOCKET}")
            path.chmod(0o600)
            door.listen()
            door.setblocking(False)  # noqa: FBT003  # its only parameter
            loop = asyncio.get_running_loop()
            while True:
                caller, _ = await loop.sock_accept(door)
                with caller:
                    await self._hear(caller)

    async def _hear(self, caller: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        caller.setblocking(True)  # noqa: FBT003  # its only parameter
        text, handles, _, _ = await loop.run_in_executor(
            None, lambda: socket.recv_fds(caller, _LINE, 1)
        )
        with contextlib.suppress(OSError, ValueError):
            request = json.loads(text)
            if handles:
                await self._open(request, socket.socket(fileno=handles[0]))
            caller.sendall(json.dumps(self._ports).encode() + b"\n")

    async def _open(self, request: dict[str, Any], listening: socket.socket) -> None:
        name, target = request["name"], request["target"]
        if former := self._servers.pop(name, None):
            former.close()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._forward(target, reader, writer)

        listening.setblocking(False)  # noqa: FBT003  # its only parameter
        self._servers[name] = await asyncio.start_server(forward, sock=listening)
        self._ports[name] = request["port"]
        _LOG.info("port %d leads to %s", request["port"], target)

    async def _forward(
        self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            host, port = await self._resolve(target)
            there, away = await asyncio.open_connection(host, port)
        except (OSError, ApiError, httpx.HTTPError, KeyError) as error:
            _LOG.info("%s: %r", target, error)
            writer.close()
            return
        await asyncio.gather(_pump(reader, away), _pump(there, writer))

    async def _resolve(self, target: str) -> tuple[str, int]:
        """Find where a target is now: pods come back with other addresses."""
        where, _, port = target.rpartition(":")
        if "/" not in where:
            return where, int(port)
        kind, namespace, name = where.split("/")
        found = await self._api.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        address = found["status"]["podIP"] if kind == "pods" else found["spec"]["clusterIP"]
        return address, int(port)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry bytes one way; an end, or a reset, is carried too."""
    try:
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
            return
    except OSError:
        pass
    sink.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    for name in ("ca", "certificate", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)

    async def serve() -> None:
        await Entry(Api(options.server, options.ca, options.certificate)).serve(options.folder)

    asyncio.run(serve())


if __name__ == "__main__":
    main()
