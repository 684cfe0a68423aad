"""Law: the session itself. Runs pytest on a folder that holds our conftest.py and small tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
pytestmark = pytest.mark.medium  # a whole pytest starts in each test here

EXPLAINED = "import pytest\n\ndef test_no_gpu():\n    pytest.skip('because there is no GPU')\n"
UNEXPLAINED = "import pytest\n\n@pytest.mark.skip\ndef test_nobody_knows():\n    pass\n"
WHOLE_FILE = "import pytest\n\npytest.importorskip('no_such_module')\n"
DAWDLES = """
import time

import pytest

def test_it_dawdles():
    end = time.monotonic() + 1.1
    while time.monotonic() < end:
        pass

@pytest.mark.slow
def test_it_may_dawdle():
    pass
"""


@pytest.fixture
def session(tmp_path):
    """Run the given test files; returns the exit status and the lines that were printed."""

    def run(*sources, ini="", arguments=(), ci="false"):
        (tmp_path / "conftest.py").write_text(CONFTEST.read_text("utf-8"))
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
        for position, source in enumerate(sources):
            (tmp_path / f"test_{position}.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--strict-markers", "--strict-config", *arguments],
            cwd=tmp_path,
            env={**os.environ, "CI": ci},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()

    return run


def over_class(lines):
    start = next(at for at, line in enumerate(lines) if "over their time class" in line)
    return [line.split(" s  ")[1] for line in lines[start + 1 :] if " s  declared " in line]


def test_a_skip_that_says_why_and_a_test_over_its_class_fail_nothing(session):
    status, lines = session(EXPLAINED, DAWDLES)
    assert status == 0
    assert over_class(lines) == ["declared fast   test_1.py::test_it_dawdles"]


def test_the_same_skip_fails_ci_and_is_named(session):
    status, lines = session(EXPLAINED, ci="true")
    assert status == 1
    assert (
        "test_0.py::test_no_gpu: skipped because there is no GPU; "
        "no line of allowed_skips (pytest) agrees"
    ) in lines


def test_ci_accepts_the_skip_that_the_project_allows(session):
    status, _ = session(EXPLAINED, ini="allowed_skips = test_0.py::test_no_gpu", ci="true")
    assert status == 0


def test_what_happens_in_workers_is_judged_once_by_the_controller(session):
    status, lines = session(UNEXPLAINED, WHOLE_FILE, DAWDLES, arguments=["-n", "2"])
    assert status == 1
    because = ": the reason of a skip starts with `because`, this one is "
    assert [line.split(because) for line in lines if because in line] == [
        ["test_0.py::test_nobody_knows", "'unconditional skip'"],
        ["test_1.py", "\"could not import 'no_such_module': No module named 'no_such_module'\""],
    ]
    assert over_class(lines) == ["declared fast   test_2.py::test_it_dawdles"]
    assert [line for line in lines if line.endswith("s  slow   test_2.py::test_it_may_dawdle")]
