"""How a verification looks: a line per check, then what to do about each that failed."""

from __future__ import annotations

from rich.markup import escape

from ..output import counted, new_table, open_console, print_json, problem_table
from .checks import Verification

MARKS = {
    "passed": "[green]passed[/]",
    "failed": "[bold red]FAILED[/]",
    "skipped": "[yellow]skipped[/]",
}


def show(verification: Verification, *, as_json: bool) -> None:
    """Print it for people, or as one document."""
    if as_json:
        print_json(verification.verdict, **verification.document())
        return
    out = open_console()
    rows = new_table("part", "check", "result", "seen")
    for check in verification.checks:
        seen = escape(check.seen or "; ".join(problem.what for problem in check.problems))
        rows.add_row(escape(check.group), escape(check.name), MARKS[check.outcome], seen)
    out.print(rows)
    counts = verification.counts()
    failed = [problem for check in verification.checks for problem in check.problems]
    verdict = "[bold red]differs from its plan[/]" if failed else "[bold green]is as planned[/]"
    out.print(
        f"{verification.stack} {verdict}: {counted(counts['passed'], 'check')} passed, "
        f"{counts['failed']} failed, {counts['skipped']} skipped",
        highlight=False,
    )
    if failed:
        out.print(problem_table(failed))
