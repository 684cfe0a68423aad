"""Every stack's plan and every text and object made from it, reviewed as files.

Does not prove that the real programs accept them: tests/gateway and tests/engine do.
"""

from pathlib import Path

import pytest

from components.blueprint.load import STACKS
from components.blueprint.render import plan_document, render_texts
from operations.check import check_stack
from operations.render import render_manifests

HERE = Path(__file__).parent
NAMES = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in STACKS.glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("stack", NAMES)
def test_plan_texts_and_objects_are_the_reviewed_ones(stack, golden):
    plan = check_stack(stack).plan
    manifests = render_manifests(plan, stack)
    made = {"plan.json": plan_document(plan), **render_texts(plan), **manifests}
    for name, text in made.items():
        golden(HERE / stack / name, text)
    committed = {p.relative_to(HERE / stack).as_posix() for p in (HERE / stack).rglob("*.*")}
    assert committed - made.keys() == set(), "remove files that no plan makes any more"


def test_there_is_a_golden_for_every_stack_and_none_without():
    assert sorted(path.name for path in HERE.iterdir() if path.is_dir()) == NAMES
