"""What a check of `tests/live` answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from components.problems import Problem

Outcome = Literal["passed", "failed", "skipped"]


class CheckError(AssertionError):
    """A check that fails; with each problem, what to do about it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"- {problem}" for problem in self.problems))


def require(problems: Iterable[Problem]) -> None:
    """Fail with all problems, if there are any."""
    if found := tuple(problems):
        raise CheckError(found)


@dataclass(frozen=True, kw_only=True)
class Check:
    group: str
    name: str
    outcome: Outcome
    seen: str = ""  # what was found, or why it was skipped: `because …`
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All checks of one stack, in the order in which they ran."""

    stack: str
    plan_digest: str
    cluster_version: str
    gateway_url: str | None
    checks: Sequence[Check]

    @property
    def verdict(self) -> Literal["ok", "failed"]:
        return "failed" if any(check.outcome == "failed" for check in self.checks) else "ok"

    def counts(self) -> dict[Outcome, int]:
        outcomes: tuple[Outcome, ...] = ("passed", "failed", "skipped")
        return {o: sum(check.outcome == o for check in self.checks) for o in outcomes}

    def document(self) -> dict[str, Any]:
        """Say it all in plain values, as `--json` prints them beside schema and verdict."""
        return {
            "stack": self.stack,
            "plan_digest": self.plan_digest,
            "cluster_version": self.cluster_version,
            "gateway_url": self.gateway_url,
            "counts": self.counts(),
            "checks": [asdict(check) for check in self.checks],
        }
