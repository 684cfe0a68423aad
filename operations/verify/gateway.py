"""Requests to a gateway whose certificate is trusted."""

from __future__ import annotations

import ssl
import time
from types import TracebackType
from typing import Any, Self

import httpx

from components.naming import GATEWAY_NAMESPACE
from components.problems import Problem

from .checks import CheckError
from .target import Target

_SECONDS = 120.0  # a first token behind a queue
_PATIENCE_SECONDS = 60.0  # a minute's share of any limit is back after it

_READ_THE_LOG = (
    f"Read what the gateway says: `kubectl -n {GATEWAY_NAMESPACE} logs deployment/gateway`."
)


class Gateway:
    """Sends paths as they are written, and waits where the gateway says so (429)."""

    def __init__(self, target: Target) -> None:
        tls = ssl.create_default_context(cafile=target.ca_file)
        self._key = target.key
        self._http = httpx.Client(
            base_url=str(target.url), verify=tls, timeout=_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(
        self, method: str, path: str, *, authorization: str | None = None, body: object = None
    ) -> httpx.Response:
        """Ask with the target's key, or with the header given; an empty one is none."""
        if authorization is None:
            authorization = f"Bearer {self._key}" if self._key else ""
        headers = {"Authorization": authorization} if authorization else {}
        # The target is what goes over the wire: httpx would mend a path such as /v1/../metrics.
        as_written = {"target": path.encode()}
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(
                    method, "/", headers=headers, json=body, extensions=as_written
                )
            except httpx.HTTPError as error:
                problem = Problem(f"{method} {path}", f"no answer: {error!r}", _READ_THE_LOG)
                raise CheckError([problem]) from None
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > end:
                return answer
            time.sleep(float(answer.headers.get("Retry-After", 1)))


def code_of(answer: httpx.Response) -> str | None:
    """Read the error code that every refusal of the gateway carries; None where there is none."""
    try:
        body: Any = answer.json()
        return str(body["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return None
