"""Law: every file has its test, every extension point its contract, every test is collected."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROVEN_ELSEWHERE = {
    "__init__.py": "it holds no decision",
    "contract.py": "it is what tests/contracts proves",
    "schema.py": "test_load.py reads files through it",
    "inputs.py": "test_component.py and the goldens see what it transcribes",
}
FILES = sorted(
    path.relative_to(ROOT / "components")
    for path in (ROOT / "components").rglob("*.py")
    if path.name not in PROVEN_ELSEWHERE
)
POINTS = sorted(path.parent.name for path in (ROOT / "components").rglob("contract.py"))


def proof_of(path):
    """An extension is proven by its contract, so that adding one needs no new test."""
    for folder in path.parents:
        if (ROOT / "components" / folder / "contract.py").exists():
            return ROOT / "tests/contracts" / f"test_{folder.name}.py"
    return ROOT / "tests" / path.parent / f"test_{path.name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_has_its_proof(path):
    assert proof_of(path).exists()


@pytest.mark.parametrize("point", POINTS)
def test_every_extension_point_has_its_contract(point):
    assert (ROOT / "tests/contracts" / f"test_{point}.py").exists()


def test_every_test_lies_where_pytest_collects_it(python):
    """A test inside another function, or in a file of another name, never runs."""
    uncollected = [
        f"{name}: {node.name}"
        for name, tree in python.items()
        if name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (Path(name).name.startswith("test_") and node in collected(tree))
    ]
    assert uncollected == []


def collected(tree):
    bodies = [tree.body]
    bodies += [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name[:4] == "Test"]
    return [node for body in bodies for node in body]
