"""What the laws look at: the files that git keeps, or would keep at the next commit."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = re.compile(r"tests/golden/[^/]+/")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def tracked():
    """Every tracked file, and every new one that is not ignored: path from the root → text."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listed.stdout.split("\0")) - {""})
    return {name: _text(ROOT / name) for name in names if (ROOT / name).is_file()}


@pytest.fixture(scope="session")
def python(tracked):
    """Every Python file that somebody wrote, goldens aside: path from the root → syntax tree."""
    return {
        name: ast.parse(text)
        for name, text in tracked.items()
        if name.endswith(".py") and not GOLDEN.match(name)
    }


def _text(path):
    return path.read_bytes().decode("utf-8", errors="replace")
