"""An answer in the words of a problem: what is missing, and the smallest changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..problems import Problem
from .ask import Asked
from .fit import MARGIN
from .memory import GIB
from .search import Suggestion

# Median error of the overhead estimate over operations/observations.csv, in GiB per GPU. A margin
# below it is worth a word, whatever the verdict.
OVERHEAD_ERROR_GIB = 1.5
# Suggestions that one problem names; `blueprint fit` lists all.
NAMED = 3


def failure(asked: Asked, suggestions: Sequence[Suggestion]) -> Problem | None:
    """Say why it does not fit, or only just, and what to change; None where it fits."""
    a = asked.answer
    if a.verdict == "fits":
        return None
    return Problem("gpus", _shortage(asked), fix_of(suggestions))


def fix_of(suggestions: Sequence[Suggestion]) -> str:
    """Name the smallest changes, each tried; what none helps, says so."""
    if not suggestions:
        return "No change that was tried fits; use another accelerator."
    named = [f"{', '.join(s.changes)} [{s.wish.gpus} GPUs]" for s in suggestions[:NAMED]]
    return f"Smallest changes that fit: {'; or '.join(named)}."


def cautions(asked: Asked) -> Iterator[Problem]:
    """Say what fits and still wants a careful look."""
    a, q = asked.answer, asked.answer.question
    margin = (a.stage.pool_bytes - a.required_bytes) / GIB
    if a.verdict == "fits" and margin < OVERHEAD_ERROR_GIB:
        yield Problem(
            "gpus",
            f"{margin:.2f} GiB per GPU are left over, less than the {OVERHEAD_ERROR_GIB:g} GiB "
            "by which the estimate of the overhead usually errs",
            "Keep another precision or fewer batched tokens at hand.",
        )
    if asked.context_was_cut:
        most = q.model.shape.max_context_tokens
        yield Problem(
            "context_tokens",
            f"nobody declared a context: {q.context_tokens} tokens fit, the {most} of "
            f"{q.model.name} do not",
            "Declare the context that you promise.",
        )
    if a.host_bytes_per_node:
        gib = a.host_bytes_per_node / GIB
        what = f"{gib:.1f} GiB of n-gram tables lie in pinned host memory"
        yield Problem("model", what, "Give the node that much memory beside page cache.")
    if q.model.shape.attention.kind == "mla" and not q.absorbs:
        yield Problem(
            "engine",
            f"{q.behaviour.engine} {q.behaviour.version} keeps keys and values of every head: "
            f"{a.stage.cache.block_bytes // a.stage.cache.groups[0].block_tokens} bytes a token",
            "vLLM caches the latent alone.",
        )


def _shortage(asked: Asked) -> str:
    a, stage = asked.answer, asked.answer.stage
    q = a.question
    who = f"{q.model.name} ({q.model.native}) on {q.split.gpus} x {q.accelerator.name}"
    if asked.context_was_cut:
        return (
            f"{who} fits with {q.context_tokens} tokens of context only, "
            f"{_share(q.context_tokens, q.model.shape.max_context_tokens)} of what it offers"
        )
    fixed = stage.weights.total_bytes + stage.overhead.total_bytes
    if fixed > a.budget_bytes:
        return (
            f"{who} needs {stage.weights.total_bytes / GIB:.1f} GiB for weights and "
            f"{stage.overhead.total_bytes / GIB:.1f} beside them on each GPU; "
            f"{a.budget_bytes / GIB:.1f} are there"
        )
    promise = f"{q.requests_per_rank} x {q.context_tokens} tokens need {_gib(a.required_bytes)}"
    held = f"{_gib(stage.pool_bytes)} are left for the cache on each GPU"
    if a.verdict == "marginal":
        return f"{who}: {promise}, {held}: within {MARGIN:.0%}, closer than the estimate can tell"
    return f"{who}: {promise}, {held}"


def _gib(size: float) -> str:
    return f"{size / GIB:.2f} GiB"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"
