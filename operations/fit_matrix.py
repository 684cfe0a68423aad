"""`blueprint fit --matrix`: every model on every accelerator, with 1 to 16 GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from components.catalog.load import accelerators, models
from components.serving.ask import ask
from components.serving.refusals import refusals
from components.serving.wish import Subject, Wish, subject_of

GPU_COUNTS = (1, 2, 4, 8, 16)
THOUSAND, MILLION = 10**3, 10**6


def matrix() -> dict[str, dict[str, dict[int, str]]]:
    """Answer model → accelerator → GPUs, in a word each: tokens of cache, or why not."""
    return {
        model: {
            accelerator: {gpus: _cell(model, accelerator, gpus) for gpus in GPU_COUNTS}
            for accelerator in accelerators()
        }
        for model in models()
    }


def page() -> str:
    """Render docs/reference/fit-matrix.md."""
    return (
        "# What fits where\n\n"
        "Every model in its native precision, with the defaults of the engine and one request of "
        "the model's own context. A number is the tokens of cache that fit; `~` before it: only "
        "just, or only with a context cut below half of the model's. `no`: does not fit. `-`: the "
        "pair is unsupported. `blueprint fit` gives the arithmetic, other precisions and the "
        "smallest changes.\n\n" + "\n".join(_tables())
    )


def _tables() -> Iterator[str]:
    for model, by_accelerator in matrix().items():
        lines = ["| accelerator | " + " | ".join(f"{n} GPU{'s' * (n > 1)}" for n in GPU_COUNTS)]
        lines += ["| --- |" + " ---: |" * len(GPU_COUNTS)]
        lines += [
            f"| `{accelerator}` | " + " | ".join(cells.values())
            for accelerator, cells in by_accelerator.items()
            if set(cells.values()) - {"-"}
        ]
        rows = [lines[0] + " |", lines[1], *(line + " |" for line in lines[2:])]
        native = models()[model].checkpoint
        yield f"## {model}\n\n{native.precision}, {native.repository}\n\n" + "\n".join(rows) + "\n"


def _cell(model: str, accelerator: str, gpus: int) -> str:
    wish = Wish(model=model, accelerator=accelerator, gpus=gpus)
    subject = subject_of(wish)
    if not isinstance(subject, Subject) or refusals(wish, subject):
        return "-"
    answer = ask(wish, subject).answer
    if answer.verdict == "does-not-fit":
        return "no"
    return ("~" if answer.verdict == "marginal" else "") + _short(answer.cache_tokens)


def _short(tokens: int) -> str:
    """Three figures are more than the estimate is good for: 1.3M, 740k."""
    if tokens >= 10 * MILLION:
        return f"{tokens / MILLION:.0f}M"
    if tokens >= MILLION:
        return f"{tokens / MILLION:.1f}M"
    return f"{tokens / THOUSAND:.0f}k"
