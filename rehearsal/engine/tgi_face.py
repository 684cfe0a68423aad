"""TGI 3.3's endpoints: /generate, its stream, and the OpenAI ones.

Sources: text-generation-inference router/src/server.rs and docs/source/reference/metrics.md at
db931fc; error types as its Python client tells them apart (text_generation/errors.py).
"""

from __future__ import annotations

from typing import Any

from . import engine as shared
from . import tokens
from .answering import Answer, End, Token
from .asking import DEFAULT_ANSWER_TOKENS, answer_to
from .engine import Engine
from .metrics import CONTENT_TYPE
from .openai import CHAT, COMPLETIONS, MODELS, OpenAi
from .refusals import RefusedError, body_of
from .replies import NAME
from .tgi_metrics import exposition
from .web import EVENTS, Exchange, dumps

VERSION = "3.3.5+simulator"
# What TGI calls its refusals: error_type by status.
KINDS = {422: "validation", 424: "generation", 429: "overloaded", 500: "incomplete_generation"}
STATUS = {400: 422, 503: 429}  # the batch's own refusals, as TGI has them
REASONS = {"length": "length", "stop": "eos_token"}
PARAMETERS = {"max_new_tokens": 1, "best_of": 1, "truncate": 1, "top_n_tokens": 1}


class TgiFace:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.openai = engine, OpenAi(engine)

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            match request.method, request.path:
                case "GET", "/health" | "/ping":
                    exchange.send(200, b"")
                case "GET", "/info":
                    exchange.send_json(200, self._info())
                case "GET", "/metrics":
                    exchange.send(200, exposition(self.engine).encode(), CONTENT_TYPE)
                case "GET", path if path == MODELS:
                    self.openai.models(exchange)
                case "POST", path if path in {CHAT, COMPLETIONS}:
                    await self.openai.answer(exchange, chat=path == CHAT)
                case "POST", "/" | "/generate" | "/generate_stream" as path:
                    await self._generate(exchange, path)
                case "POST", "/tokenize":
                    exchange.send_json(200, _tokenized(body_of(request.body)))
                case _:
                    exchange.send(404, b"")
        except RefusedError as refused:
            status = STATUS.get(refused.status, refused.status)
            busy = "Model is overloaded" if status == 429 else str(refused)  # noqa: PLR2004  # as above
            error = {"error": busy, "error_type": KINDS.get(status, "generation")}
            exchange.send_json(status, error)

    def _info(self) -> dict[str, Any]:
        options = self.engine.options
        return {
            "model_id": options.served_model_name[0],
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": options.max_queued_requests,
            "max_input_tokens": options.context_tokens - 1,
            "max_total_tokens": options.context_tokens,
            "router": NAME,
            "version": VERSION,
        }

    async def _generate(self, exchange: Exchange, path: str) -> None:
        """Answer; at the root with a list, as TGI's compat_generate."""
        self.engine.check_open()
        body = body_of(exchange.request.body)
        prompt, parameters = _checked(body)
        answer = self._answer(prompt, parameters)
        stream = path == "/generate_stream" or (path == "/" and body.get("stream") is True)
        async with self.engine.working([answer]):
            if stream:
                await _stream(exchange, answer)
                return
            said, ends = await shared.everything([answer])
            echo = tokens.decode(prompt) if parameters.get("return_full_text") else ""
            document: dict[str, Any] = {"generated_text": echo + _joined(said[0])}
            if parameters.get("details"):
                listed = [_token(token) for token in said[0]]
                document |= {"details": {**_details(answer, ends[0]), "tokens": listed}}
                document["details"]["prefill"] = []
            exchange.send_json(200, [document] if path == "/" else document)

    def _answer(self, prompt: list[int], parameters: dict[str, Any]) -> Answer:
        options = self.engine.options
        asked = parameters.get("max_new_tokens")
        room = options.context_tokens - len(prompt)
        if room < (asked or 1):
            raise RefusedError(
                422,
                "Input validation error: `inputs` tokens + `max_new_tokens` must be <= "
                f"{options.context_tokens}. Given: {len(prompt)} `inputs` tokens and "
                f"{asked or 1} `max_new_tokens`",
            )
        most = asked or min(DEFAULT_ANSWER_TOKENS, room)
        stops = tuple(parameters.get("stop") or ())
        return answer_to(prompt, options, max_tokens=most, natural_end=asked is None, stops=stops)


def _checked(body: dict[str, Any]) -> tuple[list[int], dict[str, Any]]:
    prompt, parameters = body.get("inputs"), body.get("parameters") or {}
    if not isinstance(prompt, str) or not isinstance(parameters, dict):
        raise RefusedError(422, "Failed to deserialize the JSON body into the target type")
    if not prompt:
        raise RefusedError(422, "Input validation error: `inputs` cannot be empty")
    for name, least in PARAMETERS.items():
        value = parameters.get(name)
        if value is not None and (type(value) is not int or value < least):
            raise RefusedError(422, f"Input validation error: `{name}` must be strictly positive")
    for name in ("temperature", "repetition_penalty"):
        value = parameters.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise RefusedError(422, f"Input validation error: `{name}` must be strictly positive")
    top_p = parameters.get("top_p")
    if top_p is not None and not (isinstance(top_p, float) and 0 < top_p < 1):
        raise RefusedError(422, "Input validation error: `top_p` must be > 0.0 and < 1.0")
    return tokens.encode(prompt), parameters


async def _stream(exchange: Exchange, answer: Answer) -> None:
    exchange.begin(EVENTS)
    said: list[Token] = []
    async for _, token, end in shared.events([answer]):
        if token is None:
            error = {"error": "Request failed during generation", "error_type": "generation"}
            await exchange.chunk(f"data:{dumps(error)}\n\n".encode())
            break
        said.append(token)
        document = {
            "index": len(said),
            "token": _token(token),
            "generated_text": _joined(said) if end else None,
            "details": _details(answer, end) if end else None,
        }
        await exchange.chunk(f"data:{dumps(document)}\n\n".encode())
    exchange.end()


def _details(answer: Answer, end: End) -> dict[str, Any]:
    reason = "stop_sequence" if end.stop else REASONS[end.reason]
    return {"finish_reason": reason, "generated_tokens": answer.made, "seed": None}


def _token(token: Token) -> dict[str, Any]:
    return {"id": token.number, "text": token.text, "logprob": None, "special": False}


def _joined(said: list[Token]) -> str:
    return "".join(token.text for token in said)


def _tokenized(body: dict[str, Any]) -> list[dict[str, Any]]:
    prompt, _ = _checked(body)
    return [{"id": token, "text": tokens.decode([token])} for token in prompt]
