"""The smallest changes after which a replica fits: a short ranked list, every entry tried. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..catalog.schema import UNRESOLVED
from .ask import Asked, ask
from .memory import Split
from .refusals import refusals
from .wish import Subject, Wish, subject_of

GPU_COUNTS = (1, 2, 4, 8, 16, 32, 64)
SHORTER_BATCHES = (8192, 4096, 2048)
CONTEXT_STEP = 1024
MOST_SUGGESTIONS = 6
LEVERS = ("max_batched_tokens", "context_tokens", "concurrency")  # the largest value that fits
SPLIT_FIELDS = (
    *("tensor_parallel", "pipeline_parallel", "data_parallel"),
    *("expert_parallel", "decode_context_parallel"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A wish that fits, and how it differs from the one that was asked."""

    wish: Wish
    asked: Asked
    changes: tuple[str, ...]  # in words, the smallest first


def smallest_fits(wish: Wish, before: Asked | None) -> tuple[Suggestion, ...]:
    """Search, try and rank: fewest GPUs first, then fewest changes.

    `before` is the answer to the wish itself, absent where it was refused.
    """
    found: dict[tuple[object, ...], Suggestion] = {}
    for changed in _variations(wish, before):
        suggestion = _tried(wish, changed)
        if suggestion is not None:
            found.setdefault(_key(suggestion), suggestion)
    ranked = sorted(found.values(), key=lambda s: (s.wish.gpus, len(s.changes)))
    return tuple(_without_the_dominated(wish, ranked))[:MOST_SUGGESTIONS]


def _variations(wish: Wish, before: Asked | None) -> Iterator[Wish]:
    """Yield changed wishes: what keeps the whole promise first, then what asks for less."""
    free = replace(_unsplit(wish), nodes=None)
    for precision in _precisions(wish):
        for gpus in GPU_COUNTS:
            yield replace(free, gpus=gpus, precision=precision)
    yield replace(free, nodes=wish.nodes)
    yield replace(wish, engine="vllm", engine_version=None)
    if before is None:
        return
    for smaller in _asking_less(wish, before):
        yield smaller
        yield _unsplit(smaller)


def _unsplit(wish: Wish) -> Wish:
    """Leave the split to be derived."""
    return replace(
        wish,
        tensor_parallel=None,
        pipeline_parallel=None,
        data_parallel=None,
        expert_parallel=None,
        decode_context_parallel=None,
    )


def _precisions(wish: Wish) -> tuple[str | None, ...]:
    subject = subject_of(replace(wish, precision=None))
    if not isinstance(subject, Subject):
        return (wish.precision,)
    others = [
        precision
        for precision, stored in subject.model.checkpoints.items()
        if precision in subject.accelerator.native_precisions and stored.repository != UNRESOLVED
    ]
    return (wish.precision, *(p for p in others if p != wish.precision))


def _asking_less(wish: Wish, before: Asked) -> Iterator[Wish]:
    """Shrink one promise or one lever at a time, keeping the GPUs."""
    question = before.answer.question
    for batch in SHORTER_BATCHES:
        if batch < question.batched_tokens:
            yield replace(wish, max_batched_tokens=batch)
    if wish.kv_cache_dtype is None and question.cache_type.name == "bfloat16":
        yield replace(wish, kv_cache_dtype="fp8")
    longest = before.answer.longest_context_tokens
    for tokens in (longest, longest * 9 // 10):
        context = tokens // CONTEXT_STEP * CONTEXT_STEP
        if 0 < context < question.context_tokens:
            yield replace(wish, context_tokens=context)
    held = before.answer.concurrency_at_context
    for concurrency in (int(held), int(held * 0.9)):
        if 0 < concurrency < question.concurrency:
            yield replace(wish, concurrency=concurrency)


def _tried(wish: Wish, changed: Wish) -> Suggestion | None:
    """Answer a changed wish; None where it is refused, does not fit, or is the wish itself."""
    subject = subject_of(changed)
    if not isinstance(subject, Subject) or refusals(changed, subject):
        return None
    asked = ask(changed, subject)
    changes = tuple(_changes(wish, changed, subject, asked))
    if asked.answer.verdict != "fits" or not changes:
        return None
    return Suggestion(wish=changed, asked=asked, changes=changes)


def _changes(wish: Wish, changed: Wish, subject: Subject, asked: Asked) -> Iterator[str]:
    if changed.precision != wish.precision:
        yield f"precision {changed.precision} ({subject.model.repository})"
    if changed.engine != wish.engine:
        yield f"engine {changed.engine}"
    if changed.gpus != wish.gpus:
        nodes = subject.nodes
        yield f"{changed.gpus} GPUs" + (f" on {nodes} nodes" if nodes > 1 else "")
    for field, words in (
        ("max_batched_tokens", "{} batched tokens"),
        ("kv_cache_dtype", "a {} cache"),
        ("context_tokens", "{} tokens of context"),
        ("concurrency", "{} requests at once"),
    ):
        if getattr(changed, field) != getattr(wish, field):
            yield words.format(getattr(changed, field))
    split = asked.answer.question.split
    if not _says(wish, split):
        yield f"split {split}"


def _says(wish: Wish, split: Split) -> bool:
    """Whether a split is the one that the wish states, or it states none."""
    if all(getattr(wish, field) is None for field in SPLIT_FIELDS):
        return True
    stated = (wish.tensor_parallel, wish.pipeline_parallel, wish.data_parallel or 1)
    found = (split.tensor, split.pipeline, split.data)
    alike = all(s in (None, f) for s, f in zip(stated, found, strict=True))
    return alike and bool(wish.expert_parallel) == split.expert


def _key(suggestion: Suggestion) -> tuple[object, ...]:
    q = suggestion.asked.answer.question
    return (
        q.split,
        q.model.native,
        q.context_tokens,
        q.concurrency,
        q.cache_type.name,
        q.batched_tokens,
        q.behaviour.engine,
    )


def _without_the_dominated(wish: Wish, ranked: list[Suggestion]) -> Iterator[Suggestion]:
    """Drop more GPUs or a smaller value where an earlier entry changes the same things."""
    seen: set[tuple[object, ...]] = set()
    for suggestion in ranked:
        q = suggestion.asked.answer.question
        promise = (
            q.model.native,
            q.cache_type.name,
            q.behaviour.engine,
            q.context_tokens if wish.context_tokens is None else None,
            *(getattr(suggestion.wish, lever) == getattr(wish, lever) for lever in LEVERS),
        )
        if promise not in seen:
            seen.add(promise)
            yield suggestion
