"""The Pulumi CLI, as this project calls it: by argument list, secrets by standard input."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.problems import PlanError, Problem

ROOT = Path(__file__).parents[1]
INTERRUPT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class PulumiCli:
    """One stack of one project folder."""

    stack: str
    project: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def call(self, *arguments: str, stdin: str = "") -> str:
        """Run quietly and return standard output; raises PlanError with the CLI's own words."""
        done = self._start(arguments, stdin=stdin, capture=True)
        if done.returncode:
            raise PlanError([_explain(arguments, done.stderr or done.stdout)])
        return done.stdout

    def show(self, *arguments: str) -> int:
        """Run with the user's terminal as output; return the exit status."""
        return self._start(arguments, stdin="", capture=False).returncode

    def secret(self, key: str) -> str | None:
        """Read a secret of the stack's config; None where it is not set."""
        values: dict[str, Any] = json.loads(self.call("config", "--json", "--show-secrets"))
        found = values.get(f"deepseek-blueprint:{key}")
        return None if found is None else str(found["value"])

    def set_secret(self, key: str, value: str) -> None:
        """Write a secret; it goes through standard input, never through the process list."""
        self.call("config", "set", "--secret", key, stdin=value)

    def _start(
        self, arguments: Sequence[str], *, stdin: str, capture: bool
    ) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"]
        pipe = subprocess.PIPE if capture else None
        try:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                env=dict(self.environment),
                stdin=subprocess.PIPE,
                stdout=pipe,
                stderr=pipe,
                text=True,
            )
        except FileNotFoundError:
            fix = "Install Pulumi, or run `python -m rehearsal.tools ensure pulumi`."
            raise PlanError([Problem("pulumi", "there is no such program on PATH", fix)]) from None
        with process:
            try:
                said, complained = process.communicate(stdin)
            except KeyboardInterrupt:
                # The terminal has told the engine too: it finishes what it is at, then ends.
                process.wait(INTERRUPT_SECONDS)
                raise
        return subprocess.CompletedProcess(command, process.returncode, said, complained)


def _explain(arguments: Sequence[str], said: str) -> Problem:
    """Take the CLI's errors out of all that it says; its last line where it names none."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    what = "; ".join(dict.fromkeys(errors)) or lines[-1]
    return Problem(f"pulumi {' '.join(arguments[:2])}", what, "Run it by hand to see all it says.")
