"""How the answer of `blueprint fit` looks in a terminal: a verdict, a bar per GPU, the sums."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from components.problems import Problem
from components.serving.ask import Asked
from components.serving.fit import explain
from components.serving.memory import GIB

from .fit import Fitted, arguments, flag_of

COLOURS = {
    "fits": "bold green",
    "marginal": "bold yellow",
    "does-not-fit": "bold red",
    "unsupported": "bold red",
}
BAR_WIDTH = 48
# What a GPU is full of: name, sign, colour. Signs differ, so that no colour is needed.
PARTS = (
    ("weights", "#", "blue"),
    ("overhead", "=", "magenta"),
    ("KV", "+", "green"),
    ("free", ".", "bright_black"),
)


def show(fitted: Fitted) -> None:
    """Print the answer for people."""
    console = Console()
    wish = fitted.wish
    title = f"{wish.model} on {wish.gpus} x {wish.accelerator}"
    console.print(f"[{COLOURS[fitted.verdict]}]{fitted.verdict}[/]  {escape(title)}")
    if fitted.asked is not None:
        for line in _answer(fitted.asked):
            console.print(line, highlight=False)
    _problems(
        console, "why not" if fitted.verdict != "marginal" else "why only just", fitted.problems
    )
    _problems(console, "worth knowing", fitted.warnings)
    if fitted.suggestions:
        console.print("\n[bold]smallest changes that fit[/]")
        for suggestion in fitted.suggestions:
            q = suggestion.asked.answer.question
            flags = " ".join(arguments(suggestion.wish))
            console.print(f"  {q.split.gpus:3} GPUs  {escape(', '.join(suggestion.changes))}")
            console.print(Text(f"            blueprint fit {flags}", style="bright_black"))


def _answer(asked: Asked) -> Iterator[Text]:
    a, q = asked.answer, asked.answer.question
    yield Text(
        f"{q.model.repository}, {q.model.native}, {q.behaviour.engine} {q.behaviour.version}; "
        f"{q.split}: {asked.split_why}"
    )
    yield bar(asked)
    yield Text(
        f"{a.cache_tokens:,} tokens of cache: {a.concurrency_at_context:.2f} requests of "
        f"{q.context_tokens:,} tokens; longest context at {q.concurrency} at once "
        f"{a.longest_context_tokens:,}"
    )
    for line in explain(a):
        yield Text(f"  {line}", style="bright_black")


def bar(asked: Asked) -> Text:
    """Draw one GPU: as many signs of each part as its share of the device, 48 in all."""
    a = asked.answer
    sizes = (
        a.stage.weights.total_bytes,
        a.stage.overhead.total_bytes,
        max(0.0, a.stage.pool_bytes),
        a.free_bytes,
    )
    whole = max(float(a.usable_bytes), sum(sizes))
    drawn = Text("each GPU |")
    for (_, sign, colour), size in zip(PARTS, sizes, strict=True):
        drawn.append(sign * round(BAR_WIDTH * size / whole), style=colour)
    drawn.append(f"| of {a.usable_bytes / GIB:.1f} GiB\n         ")
    for (name, sign, colour), size in zip(PARTS, sizes, strict=True):
        drawn.append(f" {sign} {name} {size / GIB:.1f}", style=colour)
    return drawn


def _problems(console: Console, title: str, problems: tuple[Problem, ...]) -> None:
    if not problems:
        return
    console.print(f"\n[bold]{title}[/]")
    for problem in problems:
        where = flag_of(problem.where)
        console.print(
            f"  {escape(where)}: {escape(problem.what)}. {escape(problem.fix)}", highlight=False
        )
