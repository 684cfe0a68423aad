"""Runs `tests/live` against a target: pytest is the engine, its hooks are the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.blueprint.plan import BlueprintPlan
from components.problems import PlanError, Problem

from ..check import Checked, check_stack
from ..render import render_manifests
from .checks import Check, CheckError, Outcome, Verification
from .cluster import Cluster
from .target import ROOT, Asked, Target, find_target

LIVE = ROOT / "tests" / "live"
SETTINGS = (
    *("-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", f"--confcutdir={LIVE}"),
    *("-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=default"),
    # The table is ours, and nothing is left behind.
    *("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler"),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What every check of `tests/live` gets: the plan, and where its deployment is."""

    plan: BlueprintPlan
    digest: str
    manifests: Sequence[Mapping[str, Any]]
    target: Target
    cluster: Cluster


SUBJECT = pytest.StashKey[Subject]()


def verify(stack: str, asked: Asked, junit: Path | None = None) -> Verification:
    """Check a running stack; raises PlanError where that cannot be done."""
    if not LIVE.is_dir():
        fix = "Install the project from its checkout: `pip install -e '.[dev]'`."
        raise PlanError([Problem(str(LIVE), "the checks are not there", fix)])
    checked = check_stack(stack)
    target = find_target(asked, stack, checked.plan.cluster.context)
    with Cluster(target) as cluster:
        version = cluster.version()
        manifests = render_manifests(checked.plan, stack)
        checks = _run(_subject(checked, manifests, target, cluster), junit)
    return Verification(
        stack=stack,
        plan_digest=checked.digest,
        cluster_version=version,
        gateway_url=target.url,
        checks=checks,
    )


def _subject(
    checked: Checked, manifests: Mapping[str, str], target: Target, cluster: Cluster
) -> Subject:
    return Subject(
        plan=checked.plan,
        digest=checked.digest,
        manifests=[yaml.safe_load(text) for text in manifests.values()],
        target=target,
        cluster=cluster,
    )


def _run(subject: Subject, junit: Path | None) -> Sequence[Check]:
    record = _Record(subject)
    report = [f"--junit-xml={junit}"] if junit else []
    status = pytest.main([*SETTINGS, *report, str(LIVE)], plugins=[record])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or record.broken:
        what = "; ".join(record.broken) or f"pytest ended with status {int(status)}"
        fix = f"Run `python -m pytest {LIVE.relative_to(ROOT)} --collect-only` to see all it says."
        raise PlanError([Problem(str(LIVE), what, fix)])
    return record.checks


class _Record:
    """A plugin that hands the subject in and takes the outcomes out."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.checks: list[Check] = []
        self.broken: list[str] = []  # what could not be collected

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[SUBJECT] = self._subject

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.longreprtext.splitlines()[-1])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ANN401  # pytest does not export the type of a wrapper
        report: pytest.TestReport = yield
        if report.when == "call" or report.outcome != "passed":
            self.checks.append(_check(item, call, report))
            if report.failed:  # the advice is what JUnit shows too, no traceback
                report.longrepr = str(call.excinfo.value) if call.excinfo else report.longreprtext
        return report


def _check(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Check:
    seen = str(dict(report.user_properties).get("seen", ""))
    problems: tuple[Problem, ...] = ()
    outcome: Outcome = report.outcome
    if outcome == "skipped" and call.excinfo is not None:
        seen = str(call.excinfo.value)
    elif outcome == "failed" and call.excinfo is not None:
        problems = _advice(item, call.excinfo.value)
    return Check(
        group=item.path.stem.removeprefix("test_"),
        name=_sentence(item.name),
        outcome=outcome,
        seen=seen,
        problems=problems,
    )


def _sentence(name: str) -> str:
    """Read `test_a_key_is_refused[none]` as `a key is refused: none`."""
    words, _, which = name.removeprefix("test_").partition("[")
    return words.replace("_", " ") + (f": {which.removesuffix(']')}" if which else "")


def _advice(item: pytest.Item, error: BaseException) -> tuple[Problem, ...]:
    if isinstance(error, CheckError):
        return error.problems
    fix = "This check is broken, or met what it does not know: please report it."
    return (Problem(item.name, f"{type(error).__name__}: {error}", fix),)
