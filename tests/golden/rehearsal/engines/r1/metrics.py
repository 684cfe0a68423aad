"""Counters, gauges and histograms in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def labelled(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(labels[name])}"' for name in sorted(labels))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@dataclass
class Value:
    """A counter or a gauge; one number per value of its own label, if it has one."""

    name: str
    kind: str
    help: str
    labels: Mapping[str, str]
    variants: Sequence[Mapping[str, str]] = ({},)
    created: float | None = None  # Python's client adds a series that says since when
    values: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.values = [0.0] * len(self.variants)

    def add(self, amount: float = 1, **variant: str) -> None:
        self.values[self.variants.index(variant)] += amount

    def put(self, value: float, **variant: str) -> None:
        self.values[self.variants.index(variant)] = value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.kind, self.help)
        names = [labelled({**self.labels, **variant}) for variant in self.variants]
        for text, value in zip(names, self.values, strict=True):
            yield f"{self.name}{text} {float(value)}"
        if self.created is not None:
            name = f"{self.name.removesuffix('_total')}_created"
            yield from _head(name, "gauge", self.help)
            for text in names:
                yield f"{name}{text} {self.created}"


@dataclass
class Histogram:
    name: str
    help: str
    labels: Mapping[str, str]
    edges: Sequence[float]
    created: float | None = None
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.edges) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, "histogram", self.help)
        below = 0
        for edge, count in zip([*self.edges, inf], self.counts, strict=True):
            below += count
            shown = "+Inf" if edge == inf else str(float(edge))
            yield f"{self.name}_bucket{labelled({**self.labels, 'le': shown})} {float(below)}"
        text = labelled(self.labels)
        yield f"{self.name}_count{text} {float(below)}"
        yield f"{self.name}_sum{text} {self.total}"
        if self.created is not None:
            yield from _head(f"{self.name}_created", "gauge", self.help)
            yield f"{self.name}_created{text} {self.created}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def exposition(metrics: Sequence[Value | Histogram]) -> str:
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())
