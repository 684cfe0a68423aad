"""Keeps the rules in the kernel in step with policies, pods and namespaces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .network import NetworkError
from .policies import load

_RETRY_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


class Enforcer:
    """Loads rules after a change; changes that come while it loads are one load."""

    def __init__(self, write: Callable[[], str]) -> None:
        self._write = write
        self._wanted, self._loaded = 1, 0
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()

    def touch(self) -> None:
        self._wanted += 1
        self._wake.set()

    async def settle(self) -> None:
        """Wait until the rules in the kernel know all that is known now."""
        self.touch()
        target = self._wanted
        async with self._changed:
            await self._changed.wait_for(lambda: self._loaded >= target)

    async def enforce(self) -> None:
        """Never ends. What cannot be loaded is tried again, and pods wait for it."""
        while True:
            self._wake.clear()
            target = self._wanted
            try:
                await load(self._write())
            except (NetworkError, ValueError, KeyError) as error:
                _LOG.warning("policies: %r", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            async with self._changed:
                self._loaded = target
                self._changed.notify_all()
            await self._wake.wait()
