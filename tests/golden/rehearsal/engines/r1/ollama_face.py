"""Ollama 0.33's endpoints that answer; those that pull, push and delete are not simulated.

Source: ollama/ollama at fb30760 (envconfig/config.go, server/routes.go). It has no /metrics.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from . import engine as shared
from . import tokens
from .answering import Answer, End
from .asking import DEFAULT_ANSWER_TOKENS, answer_to
from .engine import Engine
from .openai import CHAT, COMPLETIONS, MODELS, OpenAi
from .refusals import RefusedError, body_of
from .web import Exchange, dumps

VERSION = "0.33.0+simulator"
LINES = "application/x-ndjson"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
NANOSECONDS = 1_000_000_000


class OllamaFace:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.openai = engine, OpenAi(engine)

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        names = self.engine.options.served_model_name
        try:
            match request.method, request.path:
                case "GET" | "HEAD", "/":
                    exchange.send(200, b"Ollama is running", "text/plain; charset=utf-8")
                case "GET", "/api/version":
                    exchange.send_json(200, {"version": VERSION})
                case "GET", "/api/tags" | "/api/ps":
                    models = [{"name": name, "model": name} for name in names]
                    exchange.send_json(200, {"models": models})
                case "GET", path if path == MODELS:
                    self.openai.models(exchange)
                case "POST", path if path in {CHAT, COMPLETIONS}:
                    await self.openai.answer(exchange, chat=path == CHAT)
                case "POST", "/api/chat" | "/api/generate" as path:
                    await self._answer(exchange, chat=path == "/api/chat")
                case _:
                    exchange.send(404, b"404 page not found", "text/plain")
        except RefusedError as refused:
            busy = refused.status == 503  # noqa: PLR2004  # the queue is full
            exchange.send_json(refused.status, {"error": BUSY if busy else str(refused)})

    async def _answer(self, exchange: Exchange, *, chat: bool) -> None:
        self.engine.check_open()
        body = body_of(exchange.request.body)
        model, prompt = self._model(body), _prompt(body, chat=chat)
        if not prompt:  # the documented way to load a model
            exchange.send_json(200, {**_line(model, "", chat=chat), "done": True})
            return
        answer = self._made(prompt, body)
        async with self.engine.working([answer]):
            if body.get("stream", True):
                await _stream(exchange, model, answer, chat=chat)
                return
            said, ends = await shared.everything([answer])
            text = "".join(token.text for token in said[0])
            document = {**_line(model, text, chat=chat), **_totals(answer, ends[0])}
            exchange.send_json(200, document)

    def _model(self, body: dict[str, Any]) -> str:
        model = body.get("model")
        if not model:
            raise RefusedError(400, "model is required")
        if model not in self.engine.options.served_model_name:
            raise RefusedError(404, "model not found")
        return str(model)

    def _made(self, prompt: list[int], body: dict[str, Any]) -> Answer:
        options, wanted = self.engine.options, body.get("options") or {}
        if not isinstance(wanted, dict):
            raise RefusedError(400, "options should be an object")
        asked = wanted.get("num_predict")
        if asked is not None and type(asked) is not int:
            raise RefusedError(400, "option num_predict must be of type integer")
        # Ollama cuts a prompt that is too long, and says nothing.
        prompt = prompt[-(options.context_tokens - 1) :]
        room = options.context_tokens - len(prompt)
        most = min(asked if asked and asked > 0 else DEFAULT_ANSWER_TOKENS, room)
        return answer_to(prompt, options, max_tokens=most, natural_end=not asked)


def _prompt(body: dict[str, Any], *, chat: bool) -> list[int]:
    if not chat:
        return tokens.of_content(body.get("prompt"))
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise RefusedError(400, "messages should be a list of objects")
    return [token for m in messages for token in tokens.of_content(m.get("content"))]


async def _stream(exchange: Exchange, model: str, answer: Answer, *, chat: bool) -> None:
    exchange.begin(LINES)
    async for _, token, end in shared.events([answer]):
        if token is None:
            await exchange.chunk(b'{"error":"the runner has ended"}\n')
            break
        await exchange.chunk(_written(_line(model, token.text, chat=chat)))
        if end:
            last = {**_line(model, "", chat=chat), **_totals(answer, end)}
            await exchange.chunk(_written(last))
    exchange.end()


def _written(document: dict[str, Any]) -> bytes:
    return f"{dumps(document)}\n".encode()


def _line(model: str, text: str, *, chat: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
    made = said if chat else {"response": text}
    return {"model": model, "created_at": datetime.now(UTC).isoformat(), **made, "done": False}


def _totals(answer: Answer, end: End) -> dict[str, Any]:
    began, first = answer.started or answer.arrival, answer.first or answer.arrival
    return {
        "done": True,
        "done_reason": end.reason,
        "total_duration": int((time.monotonic() - answer.arrival) * NANOSECONDS),
        "load_duration": 0,
        "prompt_eval_count": answer.prompt_tokens,
        "prompt_eval_duration": int((first - began) * NANOSECONDS),
        "eval_count": answer.made,
        "eval_duration": int((answer.last - first) * NANOSECONDS),
    }
