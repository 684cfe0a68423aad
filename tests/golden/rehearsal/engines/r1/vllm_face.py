"""vLLM 0.32's endpoints."""

from __future__ import annotations

from http import HTTPStatus

from . import tokens
from .asking import check_model
from .engine import Engine, refuse
from .metrics import CONTENT_TYPE
from .openai import CHAT, COMPLETIONS, MODELS, OpenAi
from .refusals import RefusedError, body_of, invalid
from .web import Exchange

VERSION = "0.32.0+simulator"
TOKENIZE, DETOKENIZE = "/tokenize", "/detokenize"
GETS = ("/health", "/ping", "/version", "/metrics", MODELS)
POSTS = (CHAT, COMPLETIONS, TOKENIZE, DETOKENIZE, "/ping")


class VllmFace:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.openai = engine, OpenAi(engine)
        self._stale: str | None = None

    async def handle(self, exchange: Exchange) -> None:
        method, path = exchange.request.method, exchange.request.path
        try:
            if method == "GET" and path in GETS:
                self._get(exchange, path)
            elif method == "POST" and path in POSTS:
                await self._post(exchange, path)
            else:
                status = HTTPStatus(405 if path in {*GETS, *POSTS} else 404)
                refuse(exchange, RefusedError(status, status.phrase, status.phrase))
        except RefusedError as refused:
            refuse(exchange, refused)

    def _get(self, exchange: Exchange, path: str) -> None:
        if path == MODELS:
            self.openai.models(exchange)
        elif path == "/version":
            exchange.send_json(200, {"version": VERSION})
        elif path == "/metrics":
            exchange.send(200, self._metrics().encode(), CONTENT_TYPE)
        else:
            exchange.send(200, b"")

    def _metrics(self) -> str:
        if not self.engine.faults.stale_metrics:
            self._stale = None
            return self.engine.exposition()
        self._stale = self._stale or self.engine.exposition()
        return self._stale

    async def _post(self, exchange: Exchange, path: str) -> None:
        if path in {CHAT, COMPLETIONS}:
            await self.openai.answer(exchange, chat=path == CHAT)
        elif path == "/ping":
            exchange.send(200, b"")
        else:
            body = body_of(exchange.request.body)
            check_model(body, self.engine.options)
            exchange.send_json(200, self._counted(body) if path == TOKENIZE else _text(body))

    def _counted(self, body: dict[str, object]) -> dict[str, object]:
        prompt, messages = body.get("prompt"), body.get("messages")
        if isinstance(messages, list):
            contents = [m.get("content") for m in messages if isinstance(m, dict)]
            found = [token for content in contents for token in tokens.of_content(content)]
        elif isinstance(prompt, str):
            found = tokens.encode(prompt)
        else:
            raise invalid("prompt", "Input should be a valid string")
        limit = self.engine.options.context_tokens
        return {"count": len(found), "max_model_len": limit, "tokens": found}


def _text(body: dict[str, object]) -> dict[str, object]:
    found = body.get("tokens")
    if not isinstance(found, list) or not all(type(t) is int and 0 <= t < 2**63 for t in found):
        raise invalid("tokens", "Input should be a valid list of token numbers")
    return {"prompt": tokens.decode(found)}
