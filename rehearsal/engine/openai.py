"""/v1: the part of OpenAI's API that all three engines have."""

from __future__ import annotations

from . import engine as shared
from .asking import Ask, ask_of
from .engine import Engine
from .refusals import RefusedError, body_of
from .replies import NAME, Reply
from .web import EVENTS, Exchange, dumps

CHAT, COMPLETIONS, MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"
DONE = b"data: [DONE]\n\n"


class OpenAi:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def models(self, exchange: Exchange) -> None:
        options = self.engine.options
        names = options.served_model_name
        same = {"object": "model", "created": 0, "owned_by": NAME, "root": names[0], "parent": None}
        more = {"max_model_len": options.context_tokens, "permission": []}
        data = [{"id": name, **same, **more} for name in names]
        exchange.send_json(200, {"object": "list", "data": data})

    async def answer(self, exchange: Exchange, *, chat: bool) -> None:
        request = exchange.request
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind.lower() != "application/json":
            message = (
                "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
            )
            raise RefusedError(400, message, "Bad Request")
        self.engine.check_open()
        ask = ask_of(body_of(request.body), request.headers, self.engine.options, chat=chat)
        async with self.engine.working(ask.answers):
            if ask.stream:
                await self._stream(exchange, ask)
            else:
                said, ends = await shared.everything(ask.answers)
                exchange.send_json(200, Reply(ask).whole(said, ends))

    async def _stream(self, exchange: Exchange, ask: Ask) -> None:
        exchange.begin(EVENTS)
        reply, opened = Reply(ask), False
        async for answer, token, end in shared.events(ask.answers):
            if end and end.reason == "error":
                refused = RefusedError(500, "EngineCore was shut down.", "InternalServerError")
                await exchange.chunk(f"data: {dumps(refused.document())}\n\n".encode())
                break
            if not opened:
                opened = True
                await self._open(exchange, ask, reply)
            if token:
                data = reply.token(answer.index, token, end, answer.told)
                await exchange.chunk(data)
        else:
            if ask.usage:
                await exchange.chunk(reply.last_usage())
        await exchange.chunk(DONE)
        exchange.end()

    async def _open(self, exchange: Exchange, ask: Ask, reply: Reply) -> None:
        for index in range(len(ask.answers)):
            if ask.chat:
                await exchange.chunk(reply.first(index))
            elif ask.echo:
                await exchange.chunk(reply.echo(index))
