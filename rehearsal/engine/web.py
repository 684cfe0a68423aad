"""HTTP/1.1 on asyncio, as far as an engine needs it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

IDLE_SECONDS = 5  # uvicorn's timeout_keep_alive
BACKLOG = 1024
HEAD_LIMIT = 64 * 1024
BUFFER_LIMIT = 64 * 1024  # a client that reads slowly is waited for beyond this
JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


class BrokenError(Exception):
    """What came is no HTTP."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in small letters
    body: bytes

    @property
    def keeps_open(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


class _Reader(asyncio.StreamReader):
    """Tells at once when the client has left: whoever works for it can stop."""

    on_gone: Callable[[], object] | None = None

    def feed_eof(self) -> None:
        super().feed_eof()
        self._tell()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self._tell()

    def _tell(self) -> None:
        if self.on_gone:
            self.on_gone()


class Exchange:
    """Where the answer to one request goes."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.request, self._writer = request, writer
        self.started = False

    def send(self, status: int, body: bytes, kind: str = JSON, **headers: str) -> None:
        self._head(status, kind, {"content-length": str(len(body)), **headers})
        self._writer.write(b"" if self.request.method == "HEAD" else body)

    def send_json(self, status: int, document: object, **headers: str) -> None:
        self.send(status, dumps(document).encode(), **headers)

    def begin(self, kind: str, **headers: str) -> None:
        """Begin a stream of chunks."""
        self._head(200, kind, {"transfer-encoding": "chunked", **headers})

    async def chunk(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        if self._writer.transport.get_write_buffer_size() > BUFFER_LIMIT:
            await self._writer.drain()

    def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")

    def _head(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        self.started = True
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-type: {kind}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))


Handler = Callable[[Exchange], Awaitable[None]]


def dumps(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


class Server:
    """Answers on one port with one handler."""

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        # Bound now, listening later: until then connections are refused, as with vLLM.
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, sock=self._socket, backlog=BACKLOG)

    def close(self) -> None:
        """Refuse new connections; open ones stay."""
        if self._server:
            self._server.close()

    def _connect(self) -> asyncio.StreamReaderProtocol:
        reader = _Reader(limit=HEAD_LIMIT)
        return asyncio.StreamReaderProtocol(reader, self._accept)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader, writer):
                if not await self._answer(request, reader, writer) or not request.keeps_open:
                    break
        except BrokenError:
            said = b"Invalid HTTP request received."  # uvicorn's words
            Exchange(Request("", "", {}, b""), writer).send(400, said, "text/plain; charset=utf-8")
        except (OSError, EOFError, TimeoutError):
            pass  # the client left, or was idle
        finally:
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        work = asyncio.ensure_future(self._handler(Exchange(request, writer)))
        if isinstance(reader, _Reader):
            reader.on_gone = work.cancel
        with suppress(asyncio.CancelledError):
            await work
        reader.on_gone = None  # type: ignore[attr-defined]  # it is ours
        return not work.cancelled()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Read a request; None where the client has no more."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if cut.partial.strip():
            raise BrokenError from None
        return None
    except asyncio.LimitOverrunError:
        raise BrokenError from None
    try:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0))
    except ValueError:
        raise BrokenError from None
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    body = await (_chunks(reader) if chunked else reader.readexactly(length))
    return Request(method, target.partition("?")[0], headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while (await reader.readuntil(b"\r\n")).strip():
            pass  # trailers
    except ValueError:
        raise BrokenError from None
    return b"".join(parts)
