"""The gate: a server that cannot keep its promise is refused before anything is created. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from ..catalog.load import models
from ..catalog.resolve import find_model
from ..catalog.schema import UNRESOLVED, Accelerator, Model
from ..problems import Problem
from .advice import cautions, failure
from .ask import Asked, ask
from .fit import Verdict
from .memory import MIB
from .refusals import refusals, warnings
from .search import Suggestion, smallest_fits
from .spec import ServerSpec
from .wish import Subject, Wish, subject_of

# Where a problem of a wish stands in the spec of a server; at the server where not listed.
FIELDS = {
    "model": "model",
    "precision": "precision",
    "engine": "engine",
    "accelerator": "pool",
    "tensor_parallel": "parallelism.tensor",
    "context_tokens": "context_tokens",
    "concurrency": "concurrency",
}
# Engine flags that change the answer, and the fields of a wish that they are.
FLAGS = {
    "--gpu-memory-utilization": "memory_utilization",
    "--kv-cache-dtype": "kv_cache_dtype",
    "--kv-cache-memory-bytes": "kv_cache_bytes",
    "--max-num-batched-tokens": "max_batched_tokens",
    "--decode-context-parallel-size": "decode_context_parallel",
}
# What moves, adds or removes memory in ways that the arithmetic does not follow.
UNCOUNTED = (
    *("--cpu-offload-gb", "--dtype", "--enable-dbo", "--enable-eplb", "--enable-lora"),
    *("--enable-sleep-mode", "--hf-overrides", "--num-gpu-blocks-override", "--offload-backend"),
    *("--quantization", "--spec-method", "--spec-model", "--speculative-config"),
)
# vLLM's own suffixes of a count (`human_readable_int`): small is decimal, capital is binary.
SUFFIXES = {
    **{letter: 1000 ** (power + 1) for power, letter in enumerate("kmgt")},
    **{letter: 1024 ** (power + 1) for power, letter in enumerate("KMGT")},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FitPlan:
    """What a replica holds, per GPU of its tightest stage; whole numbers, for the record."""

    verdict: Verdict
    accepts_marginal: bool
    weights_mib_per_gpu: int
    overhead_mib_per_gpu: int
    cache_mib_per_gpu: int
    cache_tokens: int
    longest_context_tokens: int
    warnings: tuple[Problem, ...]


def served_model(spec: ServerSpec) -> Model:
    """Find the model in the precision that is served; native where the precision is unknown.

    `check_fit` says so: planning is total.
    """
    found = find_model(spec.model, spec.precision)
    if isinstance(found, Model):
        return found
    named = find_model(spec.model)
    return named if isinstance(named, Model) else models()[spec.model]


def check_fit(
    where: str, spec: ServerSpec, accelerator: Accelerator, tensor: int, gpus_per_node: int
) -> Iterator[Problem]:
    """Refuse what does not work or does not fit, with the arithmetic and the smallest changes."""
    wish = wish_of(spec, accelerator, tensor)
    asked = _asked(wish)
    if not isinstance(asked, Asked):
        yield from (_placed(where, spec, problem) for problem in asked)
        return
    if asked.answer.verdict == "marginal" and spec.accept_marginal:
        return
    if asked.answer.verdict == "fits":
        return
    found = smallest_fits(wish, asked)
    problem = failure(asked, _deployable(found, gpus_per_node) or found)
    if problem is not None:
        yield _placed(where, spec, problem)


def _deployable(found: Sequence[Suggestion], gpus_per_node: int) -> list[Suggestion]:
    """Keep what this spec can say: one node of the pool, a repository that is known."""
    return [
        suggestion
        for suggestion in found
        if (q := suggestion.asked.answer.question).split.gpus == q.split.tensor
        and q.split.tensor <= gpus_per_node
        and q.model.repository != UNRESOLVED
    ]


def plan_fit(where: str, spec: ServerSpec, accelerator: Accelerator, tensor: int) -> FitPlan | None:
    """Record what fits; asked only when `check_fit` yielded nothing."""
    wish = wish_of(spec, accelerator, tensor)
    asked = _asked(wish)
    if not isinstance(asked, Asked):
        return None
    subject = subject_of(wish)
    notes = [*warnings(wish, subject), *cautions(asked)] if isinstance(subject, Subject) else []
    placed = [_placed(where, spec, note) for note in notes]
    stage = asked.answer.stage
    return FitPlan(
        verdict=asked.answer.verdict,
        accepts_marginal=spec.accept_marginal,
        weights_mib_per_gpu=round(stage.weights.total_bytes / MIB),
        overhead_mib_per_gpu=round(stage.overhead.total_bytes / MIB),
        cache_mib_per_gpu=int(stage.pool_bytes / MIB),
        cache_tokens=asked.answer.cache_tokens,
        longest_context_tokens=asked.answer.longest_context_tokens,
        warnings=(*placed, *_uncounted(where, spec)),
    )


def _uncounted(where: str, spec: ServerSpec) -> Iterator[Problem]:
    for position, argument in enumerate(spec.extra_args):
        flag = argument.partition("=")[0]
        if flag in UNCOUNTED:
            yield Problem(
                f"{where}.extra_args.{position}",
                f"{flag} changes what a GPU holds, and the fit does not count it",
                "Leave room for it.",
            )


def wish_of(spec: ServerSpec, accelerator: Accelerator, tensor: int) -> Wish:
    """Read a server as a wish: one node, and what its engine flags say about memory."""
    said = dict(argument.partition("=")[::2] for argument in spec.extra_args)
    return Wish(
        model=spec.model,
        accelerator=accelerator.name,
        gpus=tensor,
        nodes=1,
        engine=spec.engine,
        precision=spec.precision,
        tensor_parallel=tensor,
        context_tokens=spec.context_tokens,
        concurrency=spec.concurrency,
        expert_parallel="--enable-expert-parallel" in said or None,
        cuda_graphs="--enforce-eager" not in said,
        memory_utilization=_number(said.get("--gpu-memory-utilization")),
        kv_cache_dtype=said.get("--kv-cache-dtype"),
        kv_cache_bytes=_count(said.get("--kv-cache-memory-bytes")),
        max_batched_tokens=_count(said.get("--max-num-batched-tokens")),
        decode_context_parallel=_count(said.get("--decode-context-parallel-size")),
    )


def _number(text: str | None) -> float | None:
    """Read a flag's value; what is no number is for the engine to refuse."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    factor = SUFFIXES.get((text or "")[-1:], 1)
    number = _number(text if factor == 1 or text is None else text[:-1])
    return round(number * factor) if number is not None and isfinite(number) else None


def _asked(wish: Wish) -> Asked | tuple[Problem, ...]:
    subject = subject_of(wish)
    if not isinstance(subject, Subject):
        return subject
    return refusals(wish, subject) or ask(wish, subject)


def _placed(where: str, spec: ServerSpec, problem: Problem) -> Problem:
    """Put a problem where its field stands: in the spec, or in the flag that said it."""
    said = {field: flag for flag, field in FLAGS.items()}
    if problem.where in said:
        for position, argument in enumerate(spec.extra_args):
            if argument.partition("=")[0] == said[problem.where]:
                return replace(problem, where=f"{where}.extra_args.{position}")
    field = FIELDS.get(problem.where)
    return replace(problem, where=where if field is None else f"{where}.{field}")
