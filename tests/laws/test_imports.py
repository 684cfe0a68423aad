"""Law: deciding needs no cloud. Only component.py and inputs.py may import effects."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EFFECTS = {
    *("asyncio", "boto3", "botocore", "datetime", "grpc", "httpx", "kubernetes", "random"),
    *("requests", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time"),
    *("urllib", "uuid"),
}
MAY_HAVE_EFFECTS = {"component.py", "inputs.py"}
USERS = {"operations", "policies", "rehearsal"}  # they import components, never the reverse
FILES = sorted((ROOT / "components").rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_component_and_inputs_import_effects(path):
    effects = {name for name in imported(path) if name in EFFECTS or name.startswith("pulumi")}
    assert effects == set() or path.name in MAY_HAVE_EFFECTS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_components_import_nothing_that_uses_them(path):
    assert USERS & set(imported(path)) == set()


def test_importing_every_pure_module_leaves_pulumi_unloaded():
    """The laws above read one file at a time; this one sees what an import drags in."""
    pure = [path for path in FILES if path.name not in MAY_HAVE_EFFECTS]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in pure]
    program = (
        "import importlib, sys\n"
        f"for name in {names}: importlib.import_module(name.removesuffix('.__init__'))\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        f"print(*sorted(n for n in loaded if n.startswith('pulumi') or n in {USERS | {'grpc'}}))"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.split() == []
