import json

import pytest

from components.problems import Problem
from operations.verify.checks import Check, Verification
from operations.verify.output import show

PASSED = Check(group="tls", name="it is in date", outcome="passed", seen="until 2027-11-24")
SKIPPED = Check(group="tls", name="names", outcome="skipped", seen="because [it] hides")
FAILED = Check(
    group="plan",
    name="the same",
    outcome="failed",
    problems=(Problem("ConfigMap a/b", "it differs", "Deploy it."),),
)


def verification(*checks):
    return Verification(
        stack="mine", plan_digest="ab", cluster_version="v1", gateway_url=None, checks=checks
    )


def test_people_see_every_check_and_what_to_do(capsys):
    show(verification(PASSED, SKIPPED, FAILED), as_json=False)
    said = capsys.readouterr().out
    assert "mine differs from its plan: 1 check passed, 1 failed, 1 skipped" in said
    assert [line.split() for line in said.splitlines() if "ConfigMap" in line] == [
        ["ConfigMap", "a/b", "it", "differs", "Deploy", "it."]
    ]
    assert "because [it] hides" in said


def test_a_stack_that_passes_needs_no_advice(capsys):
    show(verification(PASSED, SKIPPED), as_json=False)
    said = capsys.readouterr().out
    assert "mine is as planned: 1 check passed, 0 failed, 1 skipped" in said
    assert "how to fix" not in said


@pytest.mark.parametrize(("last", "verdict"), [(FAILED, "failed"), (SKIPPED, "ok")])
def test_a_program_gets_one_document(capsys, last, verdict):
    show(verification(PASSED, last), as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["verdict"], answer["stack"]) == (1, verdict, "mine")
    assert answer["counts"]["passed"] == 1
    assert answer["checks"][1]["outcome"] == last.outcome
    assert [p["fix"] for p in answer["checks"][1]["problems"]] == [p.fix for p in last.problems]
