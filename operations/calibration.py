"""How well the estimate meets published observations, and where its two constants come from.

observations.csv holds what people saw; the rest of what they saw, after everything that is
computed, is the runtime's own. Its median is the constant in components/serving/overhead.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from components.catalog.load import accelerators, models, runtimes
from components.catalog.schema import Precision
from components.serving.fit import Answer, Question, answer
from components.serving.memory import GIB, Split
from components.serving.overhead import RUNTIME_GIB_ONE_GPU, RUNTIME_GIB_SEVERAL_GPUS
from components.serving.records import cache_type
from components.serving.runtime import behaviour, default_batched_tokens, default_sequences

HEAD = (
    *("case", "engine", "pool seen GiB", "pool estimated", "tokens seen", "tokens estimated"),
    *("error", "error left out", "rest GiB", "source"),
)
HERE = Path(__file__).parent
OBSERVATIONS, GRAPHS = HERE / "observations.csv", HERE / "graphs.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One row of observations.csv, asked as it was run."""

    case: str
    question: Question
    pool_bytes: float  # seen, or from the tokens that were seen
    tokens: int | None
    source: str

    @property
    def several(self) -> bool:
        return self.question.split.gpus > 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """An observation beside what is said of it, with and without its own help."""

    observation: Observation
    rest_gib: float  # of the budget, after all that is computed
    pool_gib: float
    tokens: int
    tokens_without: int  # with the constant taken from the other rows alone

    @property
    def error(self) -> float | None:
        return _error(self.tokens, self.observation.tokens)

    @property
    def error_without(self) -> float | None:
        return _error(self.tokens_without, self.observation.tokens)


def observations(path: Path = OBSERVATIONS) -> tuple[Observation, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_observation(row) for row in csv.DictReader(file))


def runtime_medians(seen: Iterable[Observation]) -> dict[bool, float]:
    """Median of what is left over, in GiB: on one GPU (False) and on several (True)."""
    rests: dict[bool, list[float]] = {False: [], True: []}
    for observation in seen:
        rests[observation.several].append(rest_gib(observation))
    return {several: median(values) for several, values in rests.items()}


def overhead_error_gib(seen: Iterable[Observation]) -> float:
    """Median of how far the runtime's constant is from what was left over, in GiB per GPU."""
    return median(abs(rest_gib(o) - constant(several=o.several)) for o in seen)


def graphs_median(path: Path = GRAPHS) -> float:
    with path.open(encoding="utf-8", newline="") as file:
        return median(float(row["estimated_gib"]) for row in csv.DictReader(file))


def rest_gib(observation: Observation) -> float:
    """Budget - weights - activations - workspaces - graphs - cache, in GiB per GPU."""
    a = answer(observation.question)
    beside = a.stage.overhead.total_bytes - a.stage.overhead.runtime_bytes
    left = a.budget_bytes - a.stage.weights.total_bytes - beside - observation.pool_bytes
    return left / GIB


def meetings(seen: Sequence[Observation]) -> tuple[Meeting, ...]:
    """Meet every observation, and again with the constant that the others give."""
    found = []
    for observation in seen:
        a = answer(observation.question)
        others = [other for other in seen if other is not observation]
        shift = constant(several=observation.several) - _median_of(others, observation)
        found.append(
            Meeting(
                observation=observation,
                rest_gib=rest_gib(observation),
                pool_gib=a.stage.pool_bytes / GIB,
                tokens=a.cache_tokens,
                tokens_without=_tokens(a, a.stage.pool_bytes + shift * GIB),
            )
        )
    return tuple(found)


def constant(*, several: bool) -> float:
    return RUNTIME_GIB_SEVERAL_GPUS if several else RUNTIME_GIB_ONE_GPU


def page() -> str:
    """Render docs/reference/fit-accuracy.md."""
    seen = observations()
    met, medians = meetings(seen), runtime_medians(seen)
    errors = [abs(m.error) for m in met if m.error is not None]
    without = [abs(m.error_without) for m in met if m.error_without is not None]
    rows = [
        (
            m.observation.case,
            f"{m.observation.question.behaviour.engine} {m.observation.question.behaviour.version}",
            f"{m.observation.pool_bytes / GIB:.2f}",
            f"{m.pool_gib:.2f}",
            f"{m.observation.tokens:,}" if m.observation.tokens else "",
            f"{m.tokens:,}" if m.observation.tokens else "",
            _percent(m.error),
            _percent(m.error_without),
            f"{m.rest_gib:.2f}",
            m.observation.source,
        )
        for m in met
    ]
    lines = [HEAD, tuple("---" for _ in HEAD), *rows]
    table = "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
    return (
        "# How well `blueprint fit` meets what people saw\n\n"
        "Weights, cache records and block arithmetic are computed; what an engine takes beside "
        "them is partly estimated. Two constants are medians over the rows below: what is left "
        f"over of the budget on one GPU ({medians[False]:.2f} GiB) and on several "
        f"({medians[True]:.2f}). A third, for CUDA graphs ({graphs_median():.2f}), is the median "
        "of the engines' own estimates in `operations/graphs.csv`. *Error left out* takes the "
        "constant from the other rows alone. No row has a constant of its own.\n\n"
        f"Median error of the tokens: {median(errors):.1%}; left out: {median(without):.1%}.\n\n"
        f"{table}"
    )


def _observation(row: dict[str, str]) -> Observation:
    model = models()[row["model"]].in_precision(_precision(row))
    accelerator = accelerators()[row["accelerator"]]
    b, context = behaviour(runtimes()["vllm"], row["version"]), int(row["context_tokens"])
    sequences = int(row["sequences"] or default_sequences(b, accelerator))
    batched = row["batched_tokens"] or default_batched_tokens(b, accelerator, context, sequences)
    question = Question(
        model=model,
        accelerator=accelerator,
        behaviour=b,
        nodes=1,
        split=Split(
            tensor=int(row["tensor"]), data=int(row["data"]), expert=row["expert"] == "yes"
        ),
        context_tokens=context,
        concurrency=1,
        utilization=float(row["utilization"] or b.memory_utilization),
        cache_type=cache_type(model.shape, accelerator, "auto"),
        batched_tokens=int(batched),
        sequences=sequences,
    )
    tokens = int(row["observed_tokens"]) if row["observed_tokens"] else None
    pool = float(row["observed_pool_gib"]) * GIB if row["observed_pool_gib"] else None
    return Observation(
        case=row["case"],
        question=question,
        pool_bytes=_pool_of(question, tokens or 0) if pool is None else pool,
        tokens=tokens,
        source=row["source"],
    )


def _precision(row: dict[str, str]) -> Precision:
    return next(p for p in models()[row["model"]].checkpoints if p == row["precision"])


def _pool_of(question: Question, tokens: int) -> float:
    """Bytes that hold the tokens of a log line: whole blocks, or requests x their bytes."""
    cache = answer(question).stage.cache
    if len(cache.groups) == 1:
        return tokens / cache.groups[0].block_tokens * cache.block_bytes
    asked = (question.context_tokens, question.in_flight_tokens)
    return tokens / question.context_tokens * cache.request_bytes(*asked)


def _median_of(others: Iterable[Observation], like: Observation) -> float:
    alike = [rest_gib(other) for other in others if other.several is like.several]
    return median(alike)


def _tokens(a: Answer, pool: float) -> int:
    q = a.question
    return a.stage.cache.tokens(pool, q.context_tokens, q.in_flight_tokens) * q.split.data


def _error(estimated: int, seen: int | None) -> float | None:
    return None if seen is None else estimated / seen - 1


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:+.1%}"
