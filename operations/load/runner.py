"""Load on a thread of its own, for tests, drills, benchmarks and the command alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from .measures import Result
from .open_loop import OpenLoop
from .profile import Profile
from .target import Target


class Load:
    """Load in the background: `with Load(target, profile) as load: …; result = load.stop()`.

    A block that is left without `stop` or `wait` abandons what is on its way.
    """

    def __init__(self, target: Target, profile: Profile) -> None:
        self._changed = threading.Condition()
        self._streaming = 0
        self._over = False
        self._result: Result | None = None
        self._failure: Exception | None = None
        self._events = asyncio.new_event_loop()
        self._open_loop = OpenLoop(target, profile, self._hear)
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell(self._open_loop.abandon)
        self._thread.join()

    @property
    def streaming(self) -> int:
        """Streams that have begun to answer and not yet ended."""
        return self._streaming

    @property
    def over(self) -> bool:
        """Whether everything has been offered and has ended: a longer duration was needed."""
        return self._over

    def wait_until_streaming(self, count: int, seconds: float = 30.0) -> None:
        """Return when so many streams are in flight; TimeoutError says what there was instead."""
        self._wait_until(lambda: self._streaming >= count, f"{count} streams in flight", seconds)

    def wait_until_lost(self, count: int, seconds: float = 30.0) -> None:
        """Return when so many requests were refused, cut or not answered in time."""
        losses = self._open_loop.measures.losses
        self._wait_until(lambda: losses.total() >= count, f"{count} losses", seconds)

    def _wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._over or condition(), seconds)
            if self._failure is not None:
                raise self._failure
            if not condition():
                measures = self._open_loop.measures
                raise TimeoutError(
                    f"not {what} within {seconds} s, but {self._streaming} streams in flight; "
                    f"offered {measures.offered}, lost {dict(measures.losses)}"
                )

    def stop(self) -> Result:
        """Offer nothing more, wait for what is on its way, and say what was measured."""
        self._tell(self._open_loop.stop)
        return self.wait()

    def abandon(self) -> Result:
        """End at once; what was on its way is counted as abandoned, neither served nor lost."""
        self._tell(self._open_loop.abandon)
        return self.wait()

    def wait(self) -> Result:
        """Wait until the whole profile was offered and answered."""
        # Not join: one that Ctrl-C interrupts takes the thread for ended (Python 3.11).
        with self._changed:
            self._changed.wait_for(lambda: self._over)
        if self._failure is not None:
            raise self._failure
        assert self._result is not None  # noqa: S101  # the thread leaves one or the other
        return self._result

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._events) as runner:
                self._result = runner.run(self._open_loop.run())
        except Exception as error:  # noqa: BLE001  # raised where somebody waits for the result
            self._failure = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _tell(self, action: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: there is nothing left to end
            self._events.call_soon_threadsafe(action)

    def _hear(self, streaming: int) -> None:
        with self._changed:
            self._streaming = streaming
            self._changed.notify_all()
