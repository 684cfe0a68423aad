"""A plan either exists or explains, all at once, why it cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """Advice: the place in the user's file, what is wrong there, what to do about it."""

    where: str  # dotted path inside the spec, or the file or setting that is meant
    what: str
    fix: str
    line: int | None = None  # 1-based line of `where` in the stack file, where there is one

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where} (line {self.line})"
        return f"{place}: {self.what}. {self.fix}"


class PlanError(ValueError):
    """Every problem of one plan, so that the user edits the file once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"- {problem}" for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, as a sentence; empty when none is near.

    The cutoff of `difflib` (0.6) stands: lower ones propose words that share a few letters.
    """
    words = sorted(known, key=len)
    begun = [candidate for candidate in words if word and candidate.startswith(word)]
    match = begun[:1] or get_close_matches(word, words, n=1)
    return f"Did you mean {match[0]!r}? " if match else ""


def check_known(where: str, kind: str, name: str, table: Collection[str]) -> Iterator[Problem]:
    """Yield a problem unless `table` has the `kind` of that name."""
    if name not in table:
        listed = ", ".join(sorted(table)) or "none"
        yield Problem(
            where, f"there is no {kind} {name!r}", f"{nearest(name, table)}Known: {listed}."
        )
