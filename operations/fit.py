"""`blueprint fit`: will a model fit, in numbers, and what is the smallest change if not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from components.problems import Problem
from components.serving.advice import cautions, failure, fix_of
from components.serving.ask import Asked, ask
from components.serving.fit import Verdict, explain
from components.serving.memory import GIB
from components.serving.refusals import refusals, warnings
from components.serving.search import Suggestion, smallest_fits
from components.serving.wish import Subject, Wish, subject_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A wish, its answer where there is one, and every reason."""

    wish: Wish
    verdict: Verdict
    asked: Asked | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    suggestions: tuple[Suggestion, ...]

    def exit_code(self, *, accept_marginal: bool) -> int:
        """0 fits, or marginal where that is accepted; 1 anything else."""
        good = {"fits", "marginal"} if accept_marginal else {"fits"}
        return 0 if self.verdict in good else 1


def fit(wish: Wish) -> Fitted:
    """Answer a wish; what cannot be asked is `unsupported`, with every problem."""
    subject = subject_of(wish)
    if not isinstance(subject, Subject):
        return _refused(wish, subject, ())
    if problems := refusals(wish, subject):
        return _refused(wish, problems, smallest_fits(wish, None))
    asked = ask(wish, subject)
    fits = asked.answer.verdict == "fits"
    suggestions = () if fits else smallest_fits(wish, asked)
    missing = failure(asked, suggestions)
    return Fitted(
        wish=wish,
        verdict=asked.answer.verdict,
        asked=asked,
        problems=(missing,) if missing else (),
        warnings=(*warnings(wish, subject), *cautions(asked)),
        suggestions=suggestions,
    )


def _refused(
    wish: Wish, problems: tuple[Problem, ...], suggestions: tuple[Suggestion, ...]
) -> Fitted:
    if suggestions:
        first, *others = problems
        problems = (replace(first, fix=f"{first.fix} {fix_of(suggestions)}"), *others)
    return Fitted(
        wish=wish,
        verdict="unsupported",
        asked=None,
        problems=problems,
        warnings=(),
        suggestions=suggestions,
    )


def document(fitted: Fitted) -> dict[str, Any]:
    """Give the answer as one JSON object, always with the same keys."""
    wish = fitted.wish
    return {
        "verdict": fitted.verdict,
        **(_numbers(fitted.asked) if fitted.asked else dict.fromkeys(NUMBERS)),
        "asked": {key: value for key, value in asdict(wish).items() if value is not None},
        "arithmetic": list(explain(fitted.asked.answer)) if fitted.asked else [],
        "problems": [as_flag(problem) for problem in fitted.problems],
        "warnings": [as_flag(problem) for problem in fitted.warnings],
        "smallest_fit": [_suggestion(s) for s in fitted.suggestions],
    }


NUMBERS = (
    *("kv_cache_tokens", "max_concurrency_at_context", "longest_context_tokens"),
    *("weights_gib_per_gpu", "overhead_gib_per_gpu", "kv_gib_per_gpu", "usable_gib_per_gpu"),
    *("budget_gib_per_gpu", "free_gib_per_gpu", "required_kv_gib_per_gpu", "host_gib_per_node"),
    *("model", "repository", "precision", "accelerator", "gpus", "nodes", "engine"),
    *("parallelism", "context_tokens", "concurrency", "memory_utilization", "kv_cache_dtype"),
    "max_batched_tokens",
)

SUGGESTED = (
    *("gpus", "nodes", "precision", "parallelism", "context_tokens", "concurrency"),
    *("kv_cache_dtype", "max_batched_tokens", "kv_cache_tokens", "engine"),
)


def _numbers(asked: Asked) -> dict[str, Any]:
    a, q, stage = asked.answer, asked.answer.question, asked.answer.stage
    values = (
        a.cache_tokens,
        round(a.concurrency_at_context, 2),
        a.longest_context_tokens,
        _gib(stage.weights.total_bytes),
        _gib(stage.overhead.total_bytes),
        _gib(max(0.0, stage.pool_bytes)),
        _gib(a.usable_bytes),
        _gib(a.budget_bytes),
        _gib(a.free_bytes),
        _gib(a.required_bytes),
        _gib(a.host_bytes_per_node),
        q.model.name,
        q.model.repository,
        q.model.native,
        q.accelerator.name,
        q.split.gpus,
        q.nodes,
        f"{q.behaviour.engine} {q.behaviour.version}",
        {**asdict(q.split), "why": asked.split_why},
        q.context_tokens,
        q.concurrency,
        q.utilization,
        q.cache_type.name,
        q.batched_tokens,
    )
    return dict(zip(NUMBERS, values, strict=True))


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    numbers = _numbers(suggestion.asked)
    return {
        "changes": list(suggestion.changes),
        **{key: numbers[key] for key in SUGGESTED},
        "verdict": suggestion.asked.answer.verdict,
        "arguments": arguments(suggestion.wish),
    }


def arguments(wish: Wish) -> list[str]:
    """Spell a wish as the flags of `blueprint fit`."""
    found: list[str] = []
    for field, value in asdict(wish).items():
        flag = flag_of(field)
        if value is None or (field in ON_BY_DEFAULT and value):
            continue
        if field in ON_BY_DEFAULT or value is False:
            found.append(f"--no-{flag.removeprefix('--')}")
        elif value is True:
            found.append(flag)
        else:
            found += [flag, str(value)]
    return found


ON_BY_DEFAULT = {"cuda_graphs", "engram_on_host"}


def flag_of(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def as_flag(problem: Problem) -> dict[str, Any]:
    """Place a problem at the flag that it is about."""
    return {"where": flag_of(problem.where), "what": problem.what, "fix": problem.fix}


def _gib(size: float) -> float:
    return round(size / GIB, 2)
