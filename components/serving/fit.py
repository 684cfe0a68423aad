"""Does it fit? Weights, overhead and cache against what the device has. Pure.

The budget of a rank is device memory x utilization. What weights and overhead leave of it is the
pool. The pool is compared with what the promised requests need at the promised context:

- fits: the pool holds more than 1 + MARGIN times that;
- marginal: it is within MARGIN of it on either side, closer than the estimate can tell;
- does-not-fit: less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog.schema import Accelerator, Model
from .kv_cache import Cache, cache_of
from .memory import (
    GIB,
    Split,
    Weights,
    budget_bytes,
    host_bytes_per_node,
    stage_weights,
    stages,
    usable_bytes,
)
from .overhead import Load, Overhead, overhead
from .records import CacheType
from .runtime import Behaviour

Verdict = Literal["fits", "marginal", "does-not-fit", "unsupported"]
# Band around the limit, relative to the cache that the promise needs: the requirement is what the
# plan may move, and 8 % is the spread of one deployment's ranks and versions (facts of the issue).
MARGIN = 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One replica, with every choice made."""

    model: Model  # in the precision that is asked about
    accelerator: Accelerator
    behaviour: Behaviour
    nodes: int
    split: Split
    context_tokens: int
    concurrency: int
    utilization: float
    cache_type: CacheType
    batched_tokens: int
    sequences: int
    graphs: bool = True
    engram_on_host: bool = True
    mig_profile: str | None = None
    cache_bytes: int | None = None  # a pool of fixed size, in place of what is left

    @property
    def absorbs(self) -> bool:
        return self.behaviour.absorbs(self.accelerator.vendor)

    @property
    def in_flight_tokens(self) -> int:
        """Tokens scheduled and not yet settled: one step per batch, at least one per stage.

        vLLM config/vllm.py `max_in_flight_tokens`.
        """
        batches = max(self.behaviour.batches_in_flight, self.split.pipeline)
        return self.batched_tokens * batches

    @property
    def requests_per_rank(self) -> int:
        """Requests that one data parallel rank works on: each rank has a pool of its own."""
        return -(-self.concurrency // self.split.data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One rank of one pipeline stage."""

    layers: range
    weights: Weights
    overhead: Overhead
    cache: Cache
    pool_bytes: float
    tokens: int
    requests: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    question: Question
    verdict: Verdict
    stage: Stage  # the one that holds the fewest tokens: it decides
    usable_bytes: int
    budget_bytes: int
    required_bytes: int
    cache_tokens: int  # of all data parallel ranks together
    concurrency_at_context: float
    longest_context_tokens: int  # at the declared concurrency
    host_bytes_per_node: float

    @property
    def free_bytes(self) -> float:
        """What the engine leaves alone: outside the budget."""
        return self.usable_bytes - self.budget_bytes


def answer(question: Question) -> Answer:
    """Answer a question that `refusals` had nothing against."""
    usable = usable_bytes(question.accelerator, question.mig_profile)
    budget = budget_bytes(usable, question.utilization)
    found = [_stage(question, layers, budget) for layers in _layers(question)]
    tightest = min(found, key=lambda stage: (stage.requests, stage.pool_bytes))
    required = tightest.cache.request_bytes(question.context_tokens, question.in_flight_tokens)
    required *= question.requests_per_rank
    return Answer(
        question=question,
        verdict=_verdict(tightest.pool_bytes, required),
        stage=tightest,
        usable_bytes=usable,
        budget_bytes=budget,
        required_bytes=required,
        cache_tokens=min(stage.tokens for stage in found) * question.split.data,
        concurrency_at_context=tightest.requests * question.split.data,
        longest_context_tokens=min(_longest(question, stage) for stage in found),
        host_bytes_per_node=host_bytes_per_node(
            question.model.shape,
            question.model.checkpoint.formats,
            engram_on_host=question.engram_on_host,
        ),
    )


def _layers(question: Question) -> tuple[range, ...]:
    return stages(question.model.shape.layers, question.split.pipeline)


def _stage(question: Question, layers: range, budget: int) -> Stage:
    shape, split = question.model.shape, question.split
    vendor = question.accelerator.vendor
    weights = stage_weights(
        shape,
        question.model.checkpoint.formats,
        split,
        layers,
        vendor=vendor,
        absorbs=question.absorbs,
        engram_on_host=question.engram_on_host,
    )
    load = Load(
        context_tokens=question.context_tokens,
        batched_tokens=question.batched_tokens,
        sequences=question.sequences,
        graphs=question.graphs,
    )
    beside = overhead(shape, split, load, question.behaviour, vendor)
    left = budget - weights.total_bytes - beside.total_bytes
    pool = left if question.cache_bytes is None else min(float(question.cache_bytes), left)
    cache = cache_of(shape, split, layers, question.cache_type, absorbed=question.absorbs)
    asked = (question.context_tokens, question.in_flight_tokens)
    return Stage(
        layers=layers,
        weights=weights,
        overhead=beside,
        cache=cache,
        pool_bytes=pool,
        tokens=cache.tokens(pool, *asked),
        requests=cache.concurrency(pool, *asked),
    )


def _longest(question: Question, stage: Stage) -> int:
    most = question.model.shape.max_context_tokens
    return stage.cache.longest(
        stage.pool_bytes, question.requests_per_rank, most, question.in_flight_tokens
    )


def _verdict(pool: float, required: int) -> Verdict:
    if pool < required * (1 - MARGIN):
        return "does-not-fit"
    return "fits" if pool > required * (1 + MARGIN) else "marginal"


def explain(a: Answer) -> tuple[str, ...]:
    """Write the arithmetic down, line by line, per GPU of the tightest stage."""
    q, stage, w, o = a.question, a.stage, a.stage.weights, a.stage.overhead
    budget, pool = a.budget_bytes / GIB, stage.pool_bytes / GIB
    lines = [
        f"split: {q.split} on {q.split.gpus} GPUs, {q.nodes} node{'s' * (q.nodes > 1)}"
        + (f"; the stage of {len(stage.layers)} layers decides" if q.split.pipeline > 1 else ""),
        f"budget: {a.usable_bytes / GIB:.2f} GiB x {q.utilization:g} = {budget:.2f} GiB",
        (
            f"weights: {w.split_bytes / GIB:.2f} split + {w.expert_bytes / GIB:.2f} experts + "
            f"{w.replicated_bytes / GIB:.2f} replicated + {w.absorbed_bytes / GIB:.2f} absorbed + "
            f"{w.engram_bytes / GIB:.2f} tables = {w.total_bytes / GIB:.2f} GiB"
        ),
        (
            f"overhead: {o.runtime_bytes / GIB:.2f} runtime + {o.activation_bytes / GIB:.2f} "
            f"activations of {q.batched_tokens} tokens + {o.workspace_bytes / GIB:.2f} "
            f"workspaces + {o.graph_bytes / GIB:.2f} graphs = {o.total_bytes / GIB:.2f} GiB"
        ),
        (
            f"cache: {budget:.2f} - {w.total_bytes / GIB:.2f} - {o.total_bytes / GIB:.2f} = "
            f"{pool:.2f} GiB in blocks of {stage.cache.block_bytes} bytes ({q.cache_type.name})"
        ),
        f"promise: {q.requests_per_rank} x {q.context_tokens} tokens"
        + (f" on each of {q.split.data} ranks" if q.split.data > 1 else "")
        + f" = {a.required_bytes / GIB:.2f} GiB; {a.verdict}",
    ]
    if a.host_bytes_per_node:
        lines.append(f"host: {a.host_bytes_per_node / GIB:.1f} GiB pinned memory for n-gram tables")
    return tuple(lines)
