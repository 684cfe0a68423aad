"""What came back, counted: bounded memory however long the load lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

PERCENTILES = (50, 90, 95, 99)
TICKS_PER_SECOND = 10_000  # 0.1 ms, finer than an event loop keeps time


class Ending(StrEnum):
    """How a request ended."""

    SERVED = "served"  # the whole answer; of a stream, up to [DONE]
    REFUSED = "refused"  # no answer, or a status of 400 or more
    CUT = "cut"  # an answer began and did not end as it should
    TIMEOUT = "timeout"  # not ended in time, counted from when it was due
    ABANDONED = "abandoned"  # ended by us, because the load was interrupted


@dataclass(frozen=True, slots=True)
class Loss:
    """A row of the error table; `status` is None where no status came."""

    ending: Ending
    status: int | None
    reason: str


class Times:
    """Durations to 0.1 ms; a percentile is the smallest value that so many do not exceed."""

    def __init__(self) -> None:
        self._ticks: Counter[int] = Counter()
        self.count = 0

    def add(self, seconds: float) -> None:
        self._ticks[round(seconds * TICKS_PER_SECOND)] += 1
        self.count += 1

    def percentiles(self) -> dict[str, float | None]:
        """Give p50 to p99 in seconds; None when nothing was measured."""
        found: dict[str, float | None] = {f"p{rank}": None for rank in PERCENTILES}
        ranks = [(ceil(self.count * rank / 100), f"p{rank}") for rank in PERCENTILES]
        seen = 0
        for tick, times in sorted(self._ticks.items()):
            seen += times
            while ranks and self.count and seen >= ranks[0][0]:
                found[ranks.pop(0)[1]] = tick / TICKS_PER_SECOND
        return found


@dataclass
class Measures:
    """Everything that is counted while load runs. Latencies start when a request was due."""

    offered: int = 0
    endings: Counter[Ending] = field(default_factory=Counter)
    losses: Counter[Loss] = field(default_factory=Counter)
    ttft: Times = field(default_factory=Times)
    inter_token: Times = field(default_factory=Times)
    end_to_end: Times = field(default_factory=Times)
    lateness: Times = field(default_factory=Times)
    prompt_tokens: int = 0
    output_tokens: int = 0

    def lost(self, ending: Ending, reason: str, status: int | None = None) -> None:
        self.endings[ending] += 1
        self.losses[Loss(ending, status, reason)] += 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a load measured; `seconds` from the start to the last answer."""

    profile: Mapping[str, object]
    offered_seconds: float
    seconds: float
    measures: Measures

    @property
    def served(self) -> int:
        return self.measures.endings[Ending.SERVED]

    @property
    def refused(self) -> int:
        return self.measures.endings[Ending.REFUSED]

    @property
    def cut(self) -> int:
        """Answers that began and did not end as they should; streams without [DONE] above all."""
        return self.measures.endings[Ending.CUT]

    @property
    def timed_out(self) -> int:
        return self.measures.endings[Ending.TIMEOUT]

    @property
    def abandoned(self) -> int:
        return self.measures.endings[Ending.ABANDONED]

    @property
    def all_served(self) -> bool:
        return 0 < self.served == self.measures.offered
