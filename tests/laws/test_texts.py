"""Law: what no tracked file says. A clone elsewhere, years later, has to make sense of each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

THIS = "tests/laws/test_texts.py"  # the words that it forbids stand in it
REGISTRIES = (
    *("pypi.org", "pythonhosted.org", "registry.npmjs.org", "proxy.golang.org"),
    *("sum.golang.org", "conda.anaconda.org", "--index-url", "--extra-index-url"),
)
HOME_OF_SOMEBODY = re.compile(r"(?<![\w.])/(home|Users|work)/\w|\b[A-Z]:\\Users\\")
PROMISE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NOQA = re.compile(r"#\s*noqa\b")
NOQA_WITH_REASON = re.compile(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*  # \S")


def lines_with(tracked, is_wrong):
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tracked.items()
        if name != THIS
        for number, line in enumerate(text.splitlines(), 1)
        if is_wrong(line)
    ]


def test_no_file_names_a_path_of_the_machine_it_was_written_on(tracked, root):
    here = {f"{root}/", f"{Path.home()}/"} - {"//"}
    assert (
        lines_with(
            tracked,
            lambda line: HOME_OF_SOMEBODY.search(line) or any(path in line for path in here),
        )
        == []
    )


def test_no_file_names_a_package_registry(tracked):
    """The registry is the machine's own setting; hashes make the packages the same everywhere."""
    assert lines_with(tracked, lambda line: any(host in line for host in REGISTRIES)) == []


def test_no_file_promises_to_be_finished_later(tracked):
    assert lines_with(tracked, PROMISE.search) == []


def test_every_silenced_finding_gives_its_reason(tracked):
    python = {name: text for name, text in tracked.items() if name.endswith(".py")}
    assert (
        lines_with(python, lambda line: NOQA.search(line) and not NOQA_WITH_REASON.search(line))
        == []
    )


def test_no_test_sleeps(python):
    """A test waits for what it wants to see: a sleep is too short on one machine, too long here."""
    asleep = [
        f"{name}:{node.lineno}"
        for name, tree in python.items()
        if name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]
    assert asleep == []
