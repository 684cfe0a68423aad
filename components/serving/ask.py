"""From a wish to an answer: every choice that it leaves open is made here. Pure.

Absent means what a careful operator of that engine version would get, never a hidden optimum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .fit import Answer, Question, Verdict, answer
from .memory import Split
from .records import cache_type
from .runtime import default_batched_tokens, default_sequences
from .splits import candidate_splits
from .wish import Subject, Wish

SHORTEST_USEFUL_CONTEXT = 8192  # an undeclared context is not cut below it


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """An answer, and what was decided on the way."""

    answer: Answer
    split_why: str
    context_was_cut: bool  # nobody declared one, and the model's own does not fit


def ask(wish: Wish, subject: Subject) -> Asked:
    """Answer a wish that `refusals` had nothing against.

    The first split that fits is taken, in the order in which an operator would try them; the first
    of all where none does.
    """
    first: Asked | None = None
    for split, why in candidate_splits(wish, subject):
        asked = _with_context(wish, subject, split, why)
        if asked.answer.verdict == "fits":
            return asked
        first = first or asked
    if first is None:
        raise ValueError("no split works: refusals() says why")
    return first


def question_of(wish: Wish, subject: Subject, split: Split, context_tokens: int) -> Question:
    """Make every choice that the wish leaves open, for one split and one context."""
    b, accelerator = subject.behaviour, subject.accelerator
    # Our plan sets --max-num-seqs to the promised concurrency.
    sequences = wish.max_sequences or wish.concurrency or default_sequences(b, accelerator)
    batched = wish.max_batched_tokens or default_batched_tokens(
        b, accelerator, context_tokens, sequences
    )
    fixed = wish.kv_cache_bytes is not None
    return Question(
        model=subject.model,
        accelerator=accelerator,
        behaviour=b,
        nodes=subject.nodes,
        split=split,
        context_tokens=context_tokens,
        concurrency=wish.concurrency or 1,
        # vLLM: --kv-cache-memory-bytes does not respect the utilization.
        utilization=1.0 if fixed else wish.memory_utilization or b.memory_utilization,
        cache_type=cache_type(subject.model.shape, accelerator, wish.kv_cache_dtype or "auto"),
        batched_tokens=batched,
        sequences=sequences,
        graphs=wish.cuda_graphs,
        engram_on_host=wish.engram_on_host,
        mig_profile=wish.mig_profile,
        cache_bytes=wish.kv_cache_bytes,
    )


def _with_context(wish: Wish, subject: Subject, split: Split, why: str) -> Asked:
    """Take the declared context; else the model's own, cut to a power of two where it must be.

    Cut below half of what the model offers it is marginal: that is no default, but a choice.
    """
    most = subject.model.shape.max_context_tokens
    first = answer(question_of(wish, subject, split, wish.context_tokens or most))
    plain = Asked(answer=first, split_why=why, context_was_cut=False)
    if wish.context_tokens is not None or first.verdict == "fits":
        return plain
    if first.stage.weights.total_bytes >= first.budget_bytes:
        return plain
    shortest = answer(question_of(wish, subject, split, SHORTEST_USEFUL_CONTEXT))
    context = 1 << max(0, min(shortest.longest_context_tokens, most - 1).bit_length() - 1)
    while context >= SHORTEST_USEFUL_CONTEXT and shortest.verdict == "fits":
        cut = answer(question_of(wish, subject, split, context))
        if cut.verdict == "fits":
            verdict: Verdict = "fits" if 2 * context >= most else "marginal"
            return Asked(answer=replace(cut, verdict=verdict), split_why=why, context_was_cut=True)
        context //= 2
    return plain
