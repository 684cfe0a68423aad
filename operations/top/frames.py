"""One frame of `blueprint top`: a row per replica, and one for a server that has several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .readings import OUTPUT, PROMPT, Reading, Window, quantile, together
from .sources import Alert


@dataclass(frozen=True, kw_only=True)
class Row:
    """Requests, a share (1 is full), tokens per second, seconds; None is not known."""

    server: str
    url: str | None  # None: all replicas together, as far as they answer
    replicas: int
    answering: int
    running: float | None
    waiting: float | None
    kv_cache_share: float | None
    prompt_tokens_per_second: float | None
    output_tokens_per_second: float | None
    ttft_p50_seconds: float | None
    ttft_p95_seconds: float | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is shown at once; rates and quantiles are over `window_seconds`."""

    window_seconds: float
    rows: tuple[Row, ...]
    alerts: tuple[Alert, ...]
    no_alerts: str | None

    @property
    def complete(self) -> bool:
        return not any(row.problems for row in self.rows)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def rows(
    urls: Mapping[str, Sequence[str]], before: Mapping[str, Reading], after: Mapping[str, Reading]
) -> tuple[Row, ...]:
    """Compare two rounds of readings, by address."""
    found = []
    for server, replicas in urls.items():
        windows = {url: Window(before[url], after[url]) for url in replicas}
        if len(windows) > 1:
            found.append(_row(server, None, [*windows.values()]))
        found += [_row(server, url, [window]) for url, window in windows.items()]
    return tuple(found)


def _row(server: str, url: str | None, windows: Sequence[Window]) -> Row:
    first_tokens = together(window.first_tokens() for window in windows)
    now = [window.after for window in windows]
    return Row(
        server=server,
        url=url,
        replicas=len(windows),
        answering=sum(reading.answers for reading in now),
        running=_sum([reading.running for reading in now]),
        waiting=_sum([reading.waiting for reading in now]),
        kv_cache_share=max((r.cache_share for r in now if r.cache_share is not None), default=None),
        prompt_tokens_per_second=_sum([window.per_second(PROMPT) for window in windows]),
        output_tokens_per_second=_sum([window.per_second(OUTPUT) for window in windows]),
        ttft_p50_seconds=quantile(0.5, first_tokens),
        ttft_p95_seconds=quantile(0.95, first_tokens),
        problems=now[0].problems if url is not None else (),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    """Add up what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
