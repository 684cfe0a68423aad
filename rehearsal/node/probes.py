"""Probes of a container: one attempt, and what a row of attempts means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from .api import Json

Execute = Callable[[list[str], float], Awaitable[int]]

_ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ANY_CERTIFICATE.check_hostname = False
_ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE  # as the kubelet: pods have certificates of their own


@dataclass(kw_only=True)
class Verdict:
    """Counts attempts: only enough of one kind in a row mean something."""

    successes_needed: int
    failures_needed: int
    _row: int = 0
    _last: bool | None = None

    @classmethod
    def of(cls, probe: Json) -> Verdict:
        return cls(
            successes_needed=probe.get("successThreshold", 1),
            failures_needed=probe.get("failureThreshold", 3),
        )

    def hear(self, *, good: bool) -> bool:
        """Take one attempt in; answer whether there are now enough of its kind in a row."""
        self._row = self._row + 1 if good == self._last else 1
        self._last = good
        return self._row >= (self.successes_needed if good else self.failures_needed)


def port_number(port: int | str, container: Json) -> int:
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    named = [p["containerPort"] for p in container.get("ports", []) if p.get("name") == port]
    if not named:
        raise ValueError(f"the container has no port {port}")
    number: int = named[0]
    return number


async def http_get(action: Json, address: str, container: Json) -> bool:
    host, port = action.get("host", address), port_number(action["port"], container)
    tls = _ANY_CERTIFICATE if action.get("scheme") == "HTTPS" else None
    headers = {
        "Host": f"{host}:{port}",
        "User-Agent": "kube-probe/rehearsal",
        "Connection": "close",
        **{header["name"]: header["value"] for header in action.get("httpHeaders", [])},
    }
    request = [
        f"GET {action.get('path', '/')} HTTP/1.1",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write("\r\n".join([*request, "", ""]).encode())
        status = int((await reader.readline()).split()[1])
        return HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST
    finally:
        writer.close()


async def attempt(probe: Json, address: str, container: Json, execute: Execute) -> str | None:
    """Try once; what went wrong, or None. Any error and any delay counts as a failure."""
    seconds = probe.get("timeoutSeconds", 1)
    try:
        async with asyncio.timeout(seconds):
            if "httpGet" in probe:
                good = await http_get(probe["httpGet"], address, container)
                return None if good else "HTTP probe failed with a status outside 200-399"
            if "tcpSocket" in probe:
                port = port_number(probe["tcpSocket"]["port"], container)
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
                return None
            if "exec" not in probe:
                return f"pods as processes have no {', '.join(probe)}"
            status = await execute(probe["exec"]["command"], seconds)
            return None if status == 0 else f"command exited with {status}"
    except TimeoutError:
        return f"no answer within {seconds} s"
    except (OSError, IndexError, ValueError) as error:
        return str(error) or type(error).__name__


async def follow(
    probe: Json, once: Callable[[], Awaitable[str | None]]
) -> AsyncIterator[tuple[bool, str | None]]:
    """Try for ever; after each attempt whether the threshold is passed, and its complaint."""
    verdict = Verdict.of(probe)
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    while True:
        complaint = await once()
        yield verdict.hear(good=complaint is None), complaint
        await asyncio.sleep(probe.get("periodSeconds", 10))
