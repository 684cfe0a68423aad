"""The engine: a queue, a batch, a KV cache and steps, on the clock of the event loop.

A step serves every request in the batch: one token for each that decodes, and prompt tokens of the
others up to the budget (chunked prefill). It takes

    1 / decode rate + decoding requests / batch rate + prompt tokens / prefill rate

seconds: a floor that does not depend on the batch, and a cost per request, which is the form that
measured times per output token have over concurrency.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import suppress
from math import inf

from .answering import Answer, End
from .blocks import Blocks
from .faults import Faults
from .options import BLOCK_TOKENS
from .vllm_metrics import VllmMetrics

LOOK_AGAIN_SECONDS = 0.02  # at a fault that holds everything up


class BusyError(Exception):
    """The queue is full; the reason is vLLM's own."""


class Batch:
    def __init__(self, options: argparse.Namespace, faults: Faults, metrics: VllmMetrics) -> None:
        self.options, self.faults, self.metrics = options, faults, metrics
        count = options.kv_cache_tokens // BLOCK_TOKENS
        self.blocks = Blocks(count, BLOCK_TOKENS, caches=not options.no_prefix_cache)
        self.waiting: list[Answer] = []
        self.running: list[Answer] = []
        self.dead = False  # killed at the end of a drain: nothing moves any more
        self._work = asyncio.Event()
        self._due = 0.0

    @property
    def unfinished(self) -> int:
        return len(self.waiting) + len(self.running)

    def check_admission(self, n: int) -> None:
        """Refuse what vLLM's --max-num-queued-reqs and --max-num-queued-tokens refuse.

        The first counts what is unfinished, the second prompts that are not yet prefilled.
        """
        if self.unfinished + n > (self.options.max_queued_requests or inf):
            self.metrics.values["admission_rejections"].add(reason="max_num_queued_reqs")
            raise BusyError("max_num_queued_reqs")
        prefilling = [*self.waiting, *(a for a in self.running if a.first is None)]
        if sum(a.prompt_tokens for a in prefilling) >= (self.options.max_queued_tokens or inf):
            self.metrics.values["admission_rejections"].add(reason="max_num_queued_tokens")
            raise BusyError("max_num_queued_tokens")

    def add(self, answer: Answer) -> None:
        self.waiting.append(answer)
        self._work.set()

    def abort(self, answer: Answer, reason: str = "abort") -> None:
        """Take it out, wherever it is; nothing happens where it is done."""
        if answer.done:
            return
        answer.finish(End("error" if reason == "error" else "abort"))
        self._leave(answer, reason)

    def abort_all(self) -> None:
        for answer in [*self.waiting, *self.running]:
            self.abort(answer, "error")

    def _leave(self, answer: Answer, reason: str) -> None:
        for place in (self.waiting, self.running):
            with suppress(ValueError):
                place.remove(answer)
        self.blocks.give(answer.held)
        answer.held = []
        self.metrics.finished(answer, time.monotonic(), reason)

    def show(self) -> None:
        """Bring the gauges up to date."""
        values = self.metrics.values
        values["num_requests_running"].put(len(self.running))
        values["num_requests_waiting"].put(len(self.waiting))
        values["num_requests_waiting_by_reason"].put(len(self.waiting), reason="capacity")
        values["kv_cache_usage_perc"].put(self.blocks.usage)

    async def run(self) -> None:
        """Step for ever."""
        while True:
            self.blocks.taken = self.blocks.count if self.faults.kv_full else 0
            if self.dead or self.faults.hang:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                self._due = time.monotonic()
                continue
            scheduled = self._schedule()
            if not scheduled:
                await self._wait_for_work()
                self._due = time.monotonic()
                continue
            now, seconds = time.monotonic(), self._seconds(scheduled)
            # What writing the tokens of the step before took is part of this one.
            self._due = max(self._due, now - seconds) + seconds
            await asyncio.sleep(self._due - now)
            if not (self.dead or self.faults.hang):
                self._settle(scheduled)

    async def _wait_for_work(self) -> None:
        if self.unfinished:  # there is no room for any of it
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            return
        self._work.clear()
        await self._work.wait()

    def _seconds(self, scheduled: dict[Answer, int]) -> float:
        options = self.options
        decoding = sum(1 for answer in scheduled if answer.decodes)
        prompt = sum(count for answer, count in scheduled.items() if not answer.decodes)
        seconds = decoding / options.batch_tokens_per_second
        seconds += prompt / options.prefill_tokens_per_second
        seconds += 1 / options.decode_tokens_per_second
        return float(seconds * self.faults.slow / options.time_scale)

    def _schedule(self) -> dict[Answer, int]:
        """Choose what the next step computes: tokens by request. Running ones come first."""
        budget = self.options.max_batched_tokens
        scheduled: dict[Answer, int] = {}
        for answer in list(self.running):
            if answer not in self.running:
                continue  # it was preempted by one before it
            count = min(answer.length - answer.computed, budget)
            if count and self._make_room(answer, count, scheduled):
                scheduled[answer] = count
                budget -= count
        self.waiting.sort(key=self._rank)
        while self.waiting and budget and len(self.running) < self.options.concurrency:
            answer = self.waiting[0]
            count = self._admit(answer, budget)
            if not count:
                break
            scheduled[answer] = count
            budget -= count
        return scheduled

    def _rank(self, answer: Answer) -> tuple[int, float]:
        by_priority = self.options.scheduling_policy == "priority"
        return (answer.priority if by_priority else 0, answer.arrival)

    def _grow(self, answer: Answer, length: int) -> bool:
        keys = answer.block_keys(length, BLOCK_TOKENS)
        if not self.blocks.take(keys):
            return False
        answer.held += keys
        return True

    def _make_room(self, answer: Answer, count: int, scheduled: dict[Answer, int]) -> bool:
        """Find blocks, preempting the last in rank, itself if need be; False if it was itself."""
        while not self._grow(answer, answer.computed + count):
            victim = max(self.running, key=self._rank)
            scheduled.pop(victim, None)
            self._preempt(victim)
            if victim is answer:
                return False
        return True

    def _preempt(self, answer: Answer) -> None:
        self.running.remove(answer)
        self.blocks.give(answer.held)
        answer.held, answer.computed = [], 0
        answer.preemptions += 1
        self.waiting.append(answer)
        self.metrics.values["num_preemptions"].add()

    def _admit(self, answer: Answer, budget: int) -> int:
        """Move it into the batch; 0 where there is no room for its first tokens."""
        # The last token is always computed: it makes the next one.
        most = (answer.length - 1) // BLOCK_TOKENS
        hits = min(self.blocks.cached(answer.keys), most) * BLOCK_TOKENS
        count = min(answer.length - hits, budget)
        if not self._grow(answer, hits + count):
            return 0
        self.waiting.remove(answer)
        self.running.append(answer)
        answer.computed = hits
        if answer.started is None:
            answer.started, answer.cached = time.monotonic(), hits
            self.metrics.admitted(answer)
        return count

    def _settle(self, scheduled: dict[Answer, int]) -> None:
        """Give what was scheduled its tokens."""
        now = time.monotonic()
        self.metrics.histograms["iteration_tokens_total"].observe(sum(scheduled.values()))
        for answer, count in scheduled.items():
            if answer.done:
                continue  # its client left during the step
            answer.computed += count
            if answer.computed < answer.length:
                continue  # a part of its prompt
            answer.say(garbage=self.faults.nan)
            answer.first = answer.first or now
            self.metrics.token(answer, now)
            answer.last = now
            if answer.ended is not None:
                self._leave(answer, answer.ended)
