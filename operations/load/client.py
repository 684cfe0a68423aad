"""One request: sent, read to its end, and its ending named. No prompt, key or answer is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any

import aiohttp

from .events import Events
from .measures import Ending, Measures

PATH = "/v1/chat/completions"
ERROR_EVENT = "an error event in the stream"
_REFUSALS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (aiohttp.ClientConnectorCertificateError, "certificate refused"),
    (aiohttp.ClientConnectorSSLError, "TLS refused"),
    (aiohttp.ClientConnectorDNSError, "name not resolved"),
    (aiohttp.ClientConnectorError, "connection refused"),
    (aiohttp.ServerDisconnectedError, "closed without an answer"),
    (Exception, "connection reset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent, and when it was due on the monotonic clock."""

    key: str | None = field(repr=False)
    model: str
    prompt: str = field(repr=False)
    output_tokens: int
    stream: bool
    due: float

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": self.prompt}],
            "max_tokens": self.output_tokens,
        }
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}


class Exchange:
    """A request on its way; `on_first_token` is called once, when a stream has begun."""

    def __init__(
        self, request: Request, measures: Measures, on_first_token: Callable[[], None]
    ) -> None:
        self._request, self._measures = request, measures
        self._on_first_token = on_first_token
        self._answered = self._done = self._failed = False
        self.streaming = False
        self._last_token: float | None = None
        self._tokens = 0
        self._usage: dict[str, int] = {}

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Send it, read the answer to its end and count; raises nothing but cancellation."""
        request = self._request
        try:
            async with session.post(
                PATH, json=request.body(), headers=request.headers(), allow_redirects=False
            ) as response:
                if response.status != HTTPStatus.OK:
                    reason = _phrase(response.status)
                    self._measures.lost(Ending.REFUSED, reason, response.status)
                    return
                self._answered = True
                await (self._read_stream if request.stream else self._read_whole)(response)
        except (aiohttp.ClientError, OSError, ValueError, TypeError, AttributeError) as error:
            self._broken(error)
        else:
            self._ended()
        finally:
            self._measures.prompt_tokens += self._usage.get("prompt_tokens", 0)
            self._measures.output_tokens += self._usage.get("completion_tokens", self._tokens)

    def time_is_up(self) -> None:
        """Count a request that did not end in time."""
        where = "in the answer" if self._tokens else "before the first token"
        self._measures.lost(Ending.TIMEOUT, f"timeout {where}")

    async def _read_whole(self, response: aiohttp.ClientResponse) -> None:
        body = json.loads(await response.read())
        self._usage = body.get("usage") or {}
        self._done = True

    async def _read_stream(self, response: aiohttp.ClientResponse) -> None:
        events = Events()
        async for piece in response.content.iter_any():
            now = monotonic()
            for data in events.feed(piece):
                self._hear(data, now)

    def _hear(self, data: bytes, now: float) -> None:
        if data == b"[DONE]":
            self._done = True
            return
        event = json.loads(data)
        if "error" in event:
            self._failed = True
        self._usage = event.get("usage") or self._usage
        if not any(_says_something(choice) for choice in event.get("choices") or ()):
            return
        if self._last_token is None:
            self._measures.ttft.add(now - self._request.due)
            self.streaming = True
            self._on_first_token()
        else:
            self._measures.inter_token.add(now - self._last_token)
        self._last_token = now
        self._tokens += 1

    def _broken(self, error: Exception) -> None:
        if self._answered:
            lost = isinstance(error, aiohttp.ClientError | OSError)
            self._measures.lost(Ending.CUT, "connection broke off" if lost else "unreadable")
            return
        self._measures.lost(Ending.REFUSED, why_refused(error))

    def _ended(self) -> None:
        measures = self._measures
        if not self._answered:
            return
        if self._failed:
            measures.lost(Ending.CUT, ERROR_EVENT)
        elif not self._done:
            measures.lost(Ending.CUT, "ended without [DONE]")
        else:
            measures.endings[Ending.SERVED] += 1
            measures.end_to_end.add(monotonic() - self._request.due)


def why_refused(error: Exception) -> str:
    """Name the reason why there was no answer, without addresses: the same reasons add up."""
    return next(words for kind, words in _REFUSALS if isinstance(error, kind))


def _says_something(choice: dict[str, Any]) -> bool:
    """Tell tokens from the frame around them: the first event of a stream has a role only."""
    delta = choice.get("delta") or {}
    return any(delta.get(name) for name in ("content", "reasoning", "reasoning_content"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"
