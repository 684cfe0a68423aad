"""What an engine says of itself at one moment, and the difference between two moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isfinite

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

# Names as vLLM 0.32.0 exposes them. A gauge of several engine cores is summed, the fullest cache
# is shown, as the first that is full stops its core.
RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
CACHE = "vllm:kv_cache_usage_perc"  # a share: 1 is full
PROMPT, OUTPUT = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
FIRST_TOKEN = "vllm:time_to_first_token_seconds_bucket"  # noqa: S105  # a metric, no password
WANTED = {RUNNING, WAITING, CACHE, PROMPT, OUTPUT, FIRST_TOKEN}


@dataclass(frozen=True)
class Reading:
    """One exposition; what it does not have is None or empty. `at` is on the monotonic clock."""

    at: float
    running: float | None = None
    waiting: float | None = None
    cache_share: float | None = None
    counters: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, float] = field(default_factory=dict)  # upper bound in seconds → count
    problems: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        return self.running is not None


def read(text: str, at: float) -> Reading:
    """Read the text format; what is broken is said, and what stands before it still counts."""
    problems: list[str] = []
    values: dict[str, list[float]] = defaultdict(list)
    buckets: dict[float, float] = defaultdict(float)
    try:
        for sample in _samples(text):
            if not isfinite(sample.value):
                problems.append(f"{sample.name} is {sample.value}")
            elif sample.name == FIRST_TOKEN:
                buckets[float(sample.labels["le"])] += sample.value
            else:
                values[sample.name].append(sample.value)
    except (ValueError, KeyError, IndexError) as error:
        problems.append(f"the exposition is broken: {str(error)[:60]}")
    if not values:
        problems.append("none of vLLM's metrics is there")
    return Reading(
        at=at,
        running=_sum(values.get(RUNNING)),
        waiting=_sum(values.get(WAITING)),
        cache_share=max(values[CACHE]) if CACHE in values else None,
        counters={name: sum(values[name]) for name in (PROMPT, OUTPUT) if name in values},
        buckets=dict(buckets),
        problems=tuple(dict.fromkeys(problems)),
    )


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from (sample for sample in family.samples if sample.name in WANTED)


def _sum(values: list[float] | None) -> float | None:
    return None if values is None else sum(values)


@dataclass(frozen=True)
class Window:
    """What happened between two readings of the same engine."""

    before: Reading
    after: Reading

    def per_second(self, counter: str) -> float | None:
        """Give the rate of a counter; one that fell was started anew, so all of it is new."""
        before, after = (each.counters.get(counter) for each in (self.before, self.after))
        seconds = self.after.at - self.before.at
        if before is None or after is None or seconds <= 0:
            return None
        return (after - before if after >= before else after) / seconds

    def first_tokens(self) -> dict[float, float]:
        """Count the first tokens of the window: upper bound in seconds → how many, cumulated."""
        before, after = self.before.buckets, self.after.buckets
        new = {bound: count - before.get(bound, 0) for bound, count in after.items()}
        return after if any(count < 0 for count in new.values()) else new


def together(histograms: Iterable[dict[float, float]]) -> dict[float, float]:
    """Add up histograms with the same bounds."""
    total: dict[float, float] = defaultdict(float)
    for histogram in histograms:
        for bound, count in histogram.items():
            total[bound] += count
    return dict(total)


def quantile(share: float, buckets: dict[float, float]) -> float | None:
    """Estimate a quantile in seconds as PromQL's histogram_quantile does; None without values.

    Within a bucket values are taken as evenly spread; beyond the last finite bound it answers
    that bound. https://prometheus.io/docs/prometheus/latest/querying/functions/
    """
    ordered = [(0.0, 0.0), *sorted(buckets.items())]
    rank = share * ordered[-1][1]
    if not rank > 0:
        return None
    for (lower, below), (upper, upto) in pairwise(ordered):
        if upto >= rank:
            return (
                lower if upper == inf else lower + (upper - lower) * (rank - below) / (upto - below)
            )
    return None
