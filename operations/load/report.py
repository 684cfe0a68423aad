"""What a load measured, for people and for programs. Schema 1 of the JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from operations.output import new_table

from .measures import Ending, Result, Times

NOTE = (
    "Latencies count from when a request was due, not from when it was sent, so that waiting for "
    "a slow server is not left out (no coordinated omission). Inter-token gaps are between the "
    "events of one stream. Requests that were not served have no end-to-end latency."
)


def document(result: Result) -> dict[str, Any]:
    """Everything measured; seconds, tokens and requests as the names say."""
    measures = result.measures
    return {
        "profile": dict(result.profile),
        "note": NOTE,
        "offered_seconds": round(result.offered_seconds, 4),
        "seconds": round(result.seconds, 4),
        "requests": {
            "offered": measures.offered,
            **{ending.value: measures.endings[ending] for ending in Ending},
        },
        "requests_per_second": {
            "offered": _rate(measures.offered, result.offered_seconds),
            "achieved": _rate(result.served, result.seconds),
        },
        "tokens": {"prompt": measures.prompt_tokens, "output": measures.output_tokens},
        "output_tokens_per_second": _rate(measures.output_tokens, result.seconds),
        **{f"{name}_seconds": times.percentiles() for name, times in _times(result)},
        "losses": [
            asdict(loss) | {"count": count} for loss, count in measures.losses.most_common()
        ],
    }


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 3) if seconds > 0 else 0.0


def _times(result: Result) -> Iterator[tuple[str, Times]]:
    measures = result.measures
    yield "time_to_first_token", measures.ttft
    yield "inter_token", measures.inter_token
    yield "end_to_end", measures.end_to_end
    yield "sent_late", measures.lateness


def shown(result: Result) -> RenderableType:
    """Tables: what became of the requests, how long it took, what was lost and why."""
    told = document(result)
    rates, requests = told["requests_per_second"], told["requests"]
    counts = ", ".join(f"{requests[ending]} {ending.value}" for ending in Ending)
    head = Text(
        f"{requests['offered']} requests offered: {counts}\n"
        f"{rates['offered']:.2f} requests/s offered, {rates['achieved']:.2f} requests/s achieved, "
        f"{told['output_tokens_per_second']:.1f} output tokens/s over {result.seconds:.1f} s"
    )
    return Group(head, _latencies(result), *_losses(result), Text(NOTE, style="dim"))


def _latencies(result: Result) -> Table:
    found = new_table("milliseconds", "p50", "p90", "p95", "p99", "values")
    for name, times in _times(result):
        cells = (
            "–" if value is None else f"{value * 1000:,.1f}"
            for value in times.percentiles().values()
        )
        found.add_row(name.replace("_", " "), *cells, f"{times.count:,}")
    return found


def _losses(result: Result) -> Iterator[Table]:
    if result.measures.losses:
        found = new_table("lost", "status", "reason", "requests")
        for loss, count in result.measures.losses.most_common():
            status = "–" if loss.status is None else str(loss.status)
            found.add_row(loss.ending.value, status, loss.reason, str(count))
        yield found
