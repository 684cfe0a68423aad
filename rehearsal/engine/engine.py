"""What every face shares: the batch, its faults, and the way of a request through them."""

from __future__ import annotations

import argparse
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from .answering import Answer, End, Event, Token
from .batch import Batch, BusyError
from .faults import Faults
from .options import BLOCK_TOKENS
from .refusals import RefusedError
from .vllm_metrics import VllmMetrics
from .web import Exchange

AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
BUSY = {
    "max_num_queued_reqs": "The engine is currently busy and cannot accept new requests. ",
    "max_num_queued_tokens": "The engine has reached its prefill token backlog limit. ",
}
ELSEWHERE = "Please try again later or on a different instance."


class Engine:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.faults = options, Faults()
        tokens = options.kv_cache_tokens
        # Of the labels that vLLM has, those by which a stack is compared with its plan.
        cache = {
            "block_size": str(BLOCK_TOKENS),
            "cache_dtype": "simulated",
            "enable_prefix_caching": str(not options.no_prefix_cache),
            "kv_cache_max_concurrency": str(tokens / options.context_tokens),
            "kv_cache_size_tokens": str(tokens),
            "num_gpu_blocks": str(tokens // BLOCK_TOKENS),
        }
        self.metrics = VllmMetrics(options.served_model_name[0], cache)
        self.batch = Batch(options, self.faults, self.metrics)
        self.draining = False

    def exposition(self) -> str:
        self.batch.show()
        return self.metrics.text()

    def check_open(self) -> None:
        """Refuse what a fault or a shutdown does not let in."""
        if self.draining:
            raise RefusedError(500, AFTER_SHUTDOWN, "InternalServerError")
        faults = self.faults
        if faults.error_rate and random.random() < faults.error_rate:  # noqa: S311  # no secret
            raise RefusedError(faults.error_status, "A fault was asked for.", "InternalServerError")

    @asynccontextmanager
    async def working(self, answers: Sequence[Answer]) -> AsyncIterator[None]:
        """Have these made; whoever leaves early frees their places. RefusedError where full."""
        try:
            self.batch.check_admission(len(answers))
        except BusyError as busy:
            # The type is the phrase of the status: vLLM's GracefulHTTPError.
            message = BUSY[str(busy)] + ELSEWHERE
            raise RefusedError(503, message, "Service Unavailable") from None
        for answer in answers:
            self.batch.add(answer)
        try:
            yield
        finally:
            for answer in answers:
                self.batch.abort(answer)


async def events(
    answers: Sequence[Answer],
) -> AsyncIterator[tuple[Answer, Token | None, End | None]]:
    """Give each token, the last one of an answer with its end, until all have ended."""
    queue, left = answers[0].events, len(answers)
    while left:
        index, event = await queue.get()
        end: Event | None = event if isinstance(event, End) else None
        token = event if isinstance(event, Token) else None
        answer = answers[index]
        if token and answer.done and answer.made == answer.told + 1:
            _, end = await queue.get()  # it was put in together with the token
        answer.told += token is not None
        left -= end is not None
        yield answer, token, end if isinstance(end, End) else None


async def everything(answers: Sequence[Answer]) -> tuple[list[list[Token]], list[End]]:
    """Wait for all of it; RefusedError where the engine gave up."""
    said: list[list[Token]] = [[] for _ in answers]
    ends: list[End] = [End("error")] * len(answers)
    async for answer, token, end in events(answers):
        if token:
            said[answer.index].append(token)
        ends[answer.index] = end or ends[answer.index]
    if any(end.reason == "error" for end in ends):
        raise RefusedError(500, "EngineCore was shut down.", "InternalServerError")
    return said, ends


def refuse(exchange: Exchange, refused: RefusedError) -> None:
    exchange.send_json(refused.status, refused.document())
