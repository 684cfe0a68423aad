"""Requests sent when they are due, however many are still on their way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from itertools import cycle
from time import monotonic

import aiohttp

from components.problems import PlanError, Problem

from .client import Exchange, Request, why_refused
from .measures import Ending, Measures, Result
from .profile import Profile, Prompts, schedule
from .target import Target

MODELS_TIMEOUT_SECONDS = 10.0
INTERRUPTED = "interrupted"
Models = Sequence[tuple[str, float]]


class OpenLoop:
    """One load; `on_change` hears how many streams have begun and not yet ended."""

    def __init__(self, target: Target, profile: Profile, on_change: Callable[[int], None]) -> None:
        self._target, self._profile, self._on_change = target, profile, on_change
        self.measures = Measures()
        self._streaming = 0
        self._stopping = asyncio.Event()
        self._abandoned = False
        self._slots = asyncio.Semaphore(profile.max_in_flight)
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Offer nothing that is due later; what is on its way goes on to its end."""
        self._stopping.set()

    def abandon(self) -> None:
        """End what is on its way, too."""
        self._abandoned = True
        self._stopping.set()
        for task in self._tasks:
            task.cancel()

    async def run(self) -> Result:
        """Offer the whole profile; PlanError when there is nobody to offer it to."""
        profile = self._profile
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
        connector = aiohttp.TCPConnector(
            limit=0, ssl=self._target.tls(), force_close=not profile.keep_alive
        )
        async with aiohttp.ClientSession(
            self._target.url,
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            models = profile.models or await list_models(session, self._target)
            start = monotonic()
            await self._offer(session, models, start)
            offered_seconds = min(monotonic() - start, profile.duration_seconds)
            if not self._stopping.is_set():
                offered_seconds = profile.duration_seconds
            await asyncio.gather(*self._tasks, return_exceptions=True)
            return Result(
                profile=asdict(profile) | {"models": models},
                offered_seconds=offered_seconds,
                seconds=monotonic() - start,
                measures=self.measures,
            )

    async def _offer(self, session: aiohttp.ClientSession, models: Models, start: float) -> None:
        profile = self._profile
        keys = cycle(self._target.keys or [None])
        prompts = Prompts(profile.seed, max(each.prompt_tokens for each in profile.lengths))
        for arrival in schedule(profile, models):
            due = start + arrival.at_seconds
            if await self._stopped_before(due):
                return
            request = Request(
                key=next(keys),
                model=arrival.model,
                prompt=prompts.text(arrival),
                output_tokens=arrival.output_tokens,
                stream=arrival.stream,
                due=due,
            )
            self.measures.offered += 1
            await self._slots.acquire()
            if self._abandoned:
                self.measures.lost(Ending.ABANDONED, INTERRUPTED)
                return
            task = asyncio.create_task(self._send(session, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _stopped_before(self, due: float) -> bool:
        if (seconds := due - monotonic()) <= 0:
            return False  # held back, and still offered
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> None:
        self.measures.lateness.add(monotonic() - request.due)
        exchange = Exchange(request, self.measures, lambda: self._count(1))
        try:
            async with asyncio.timeout_at(request.due + self._profile.timeout_seconds):
                await exchange.run(session)
        except TimeoutError:
            exchange.time_is_up()
        except asyncio.CancelledError:
            self.measures.lost(Ending.ABANDONED, INTERRUPTED)
        finally:
            self._slots.release()
            self._count(-1 if exchange.streaming else 0)

    def _count(self, change: int) -> None:
        self._streaming += change
        self._on_change(self._streaming)


async def list_models(session: aiohttp.ClientSession, target: Target) -> Models:
    """Ask the target what it serves, each with the same weight."""
    headers = {"Authorization": f"Bearer {target.keys[0]}"} if target.keys else {}
    timeout = aiohttp.ClientTimeout(total=MODELS_TIMEOUT_SECONDS)
    try:
        async with session.get("/v1/models", headers=headers, timeout=timeout) as response:
            status, text = response.status, await response.read()
    except (aiohttp.ClientError, OSError) as error:
        what = f"it does not answer: {why_refused(error)}"
        raise PlanError([Problem(target.url, what, "Is it up? See `make up`.")]) from None
    if status != HTTPStatus.OK:
        raise PlanError([_no_list(target.url, status)])
    try:
        names = [str(model["id"]) for model in json.loads(text)["data"]]
    except (ValueError, TypeError, KeyError):
        names = []
    if not names:
        raise PlanError([Problem(target.url, "it lists no model", "Name one with --model.")])
    return [(name, 1.0) for name in names]


def _no_list(url: str, status: int) -> Problem:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Problem(
            url, f"it refuses the key (status {status})", "Check --key-file or --tenant."
        )
    return Problem(url, f"it lists no models (status {status})", "Name one with --model.")
