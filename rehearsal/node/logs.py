"""`kubectl logs`: the one door of a kubelet that the API server knocks at here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from .machine import LOGS_PORT
from .pod import Pod

_POLL_SECONDS = 0.1
_PIECE = 1 << 16
_CONTAINER_LOGS = 5  # parts of /containerLogs/<namespace>/<pod>/<container>
_PLAIN = {"follow", "tailLines", "previous", "limitBytes", "insecureSkipTLSVerifyBackend"}

Find = Callable[[str, str], Pod | None]


class RefusedError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a reader asks for."""

    namespace: str
    pod: str
    container: str
    follow: bool
    previous: bool
    tail_lines: int | None
    limit_bytes: int | None


def parse(target: str) -> Wanted:
    """Read the path that the API server asks for; RefusedError for what is not kept."""
    parts = urlsplit(target)
    words, query = parts.path.split("/"), dict(parse_qsl(parts.query))
    if len(words) != _CONTAINER_LOGS or words[1] != "containerLogs":
        raise RefusedError(HTTPStatus.NOT_FOUND, "pods as processes have logs and nothing else")
    if unknown := sorted(query.keys() - _PLAIN):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f"logs are kept without times: no {', '.join(unknown)} here"
        )
    return Wanted(
        namespace=words[2],
        pod=words[3],
        container=words[4],
        follow=query.get("follow") == "true",
        previous=query.get("previous") == "true",
        tail_lines=_number(query, "tailLines"),
        limit_bytes=_number(query, "limitBytes"),
    )


def _number(query: Mapping[str, str], name: str) -> int | None:
    return int(query[name]) if name in query else None


def tail(text: bytes, wanted: Wanted) -> bytes:
    if wanted.tail_lines is not None:
        lines = text.splitlines(keepends=True)
        text = b"".join(lines[len(lines) - min(wanted.tail_lines, len(lines)) :])
    return text if wanted.limit_bytes is None else text[: wanted.limit_bytes]


class LogServer:
    def __init__(self, find: Find) -> None:
        self._find = find

    async def open(self, ca: Path, certificate: Path) -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
        tls.load_cert_chain(certificate)
        tls.verify_mode = ssl.CERT_REQUIRED  # the API server, and nobody else
        # Every node's address is one of ours; pods are kept off by policies, and by the line above.
        await asyncio.start_server(self._serve, "0.0.0.0", LOGS_PORT, ssl=tls)  # noqa: S104  # see above

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = (await reader.readline()).split()[1].decode()
            while (await reader.readline()).strip():
                pass
            await self._answer(target, writer)
        except (OSError, IndexError, ValueError):
            pass  # a client that left, or never spoke HTTP
        finally:
            writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        try:
            if target == "/healthz":
                writer.write(_head(HTTPStatus.OK))
                return
            wanted = parse(target)
            path, is_over = self._locate(wanted)
        except RefusedError as refused:
            writer.write(_head(refused.status) + f"{refused}\n".encode())
            return
        writer.write(_head(HTTPStatus.OK))
        await _send(path, wanted, is_over, writer)

    def _locate(self, wanted: Wanted) -> tuple[Path, Callable[[], bool]]:
        pod = self._find(wanted.namespace, wanted.pod)
        container = pod.container(wanted.container) if pod else None
        if pod is None or container is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no container {wanted.container} here")
        shown = container.shown
        run = shown.restarts
        # While it waits to be started again, its last run is the one of that number.
        path = pod.log(wanted.container, run - 1 if wanted.previous else run)
        if not path.exists():
            what = "no run before this one" if wanted.previous else "it has not started"
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{wanted.container}: {what}")
        return path, lambda: pod.stopping or shown.restarts != run or "running" not in shown.state


async def _send(
    path: Path, wanted: Wanted, is_over: Callable[[], bool], writer: asyncio.StreamWriter
) -> None:
    with path.open("rb") as log:
        writer.write(tail(log.read(), wanted))
        while wanted.follow:
            over = is_over()  # asked first: then what follows is all there will be
            while piece := log.read(_PIECE):
                writer.write(piece)
            await writer.drain()
            if over:
                return
            await asyncio.sleep(_POLL_SECONDS)
    await writer.drain()


def _head(status: HTTPStatus) -> bytes:
    words = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain",
        "Connection: close",
    )
    return "\r\n".join([*words, "", ""]).encode()
