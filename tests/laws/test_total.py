"""Law: planning is total. Whatever stands in a spec, the answer is a plan or every problem."""

from __future__ import annotations

import copy
from itertools import product
from pathlib import Path

import pytest
import yaml

from components.blueprint.load import parse_spec
from components.blueprint.plan import plan_blueprint, plan_warnings
from components.blueprint.render import plan_document
from components.problems import PlanError

BASE = yaml.safe_load(Path(__file__).with_name("spec.yaml").read_text("utf-8"))
# Of every type that YAML has, and of every type that stands elsewhere in a spec.
JUNK = (
    *(None, True, 0, -1, 17, 1.5, float("nan"), "", "r1", "a" * 300, "10.0.0.0/8", "simulator"),
    *([], [1], ["r1"], {}, {"x": 1}, {1: 2}, {"secure": "v1:abc"}),
)
SECRET = "sk-" + "a" * 30


def paths(value, prefix=()):
    """Every place in a parsed YAML document, keys and positions."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*prefix, key)
            yield from paths(value[key], (*prefix, key))


def with_(path, value):
    data = copy.deepcopy(BASE)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = copy.deepcopy(value)
    return data


def answer(data):
    """Plan it; returns the problems. Anything but PlanError goes through."""
    try:
        plan = plan_blueprint(parse_spec(data))
    except PlanError as refused:
        return refused.problems
    plan_document(plan)
    plan_warnings(plan)
    return ()


PATHS = list(paths(BASE))


def test_the_spec_that_is_changed_below_has_no_problems():
    assert answer(BASE) == ()


def test_any_value_in_any_place_gives_a_plan_or_problems_that_are_advice():
    broken = []
    for path, junk in product(PATHS, JUNK):
        try:
            problems = answer(with_(path, junk))
        except Exception as error:  # noqa: BLE001  # each one is the finding
            broken.append(f"{'.'.join(map(str, path))} = {junk!r}: {error!r}")
        else:
            broken += [str(p) for p in problems if not (p.where and p.what and p.fix)]
    assert broken == []


@pytest.mark.parametrize("data", [None, [], "spec", 1, {}, {1: 2}])
def test_what_is_no_spec_at_all_gives_problems(data):
    assert answer(data) != ()


def test_a_secret_in_any_place_is_refused_and_never_repeated():
    """The message goes to terminals, CI logs and pull requests."""
    repeated = [
        f"{'.'.join(map(str, path))}: {problem}"
        for path in PATHS
        for problem in answer(with_(path, SECRET)) or ["accepted"]
        if SECRET in str(problem) or problem == "accepted"
    ]
    assert repeated == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "path", [("servers", "r1", "replicas"), ("pools", "h200", "nodes"), ("gateway", "replicas")]
)
def test_a_number_beyond_reason_is_answered_as_fast_as_any_other(path):
    """Packing replica by replica would take minutes, then all memory."""
    answer(with_(path, 200_000))
