"""Where to look: found, or refused with advice before anything is asked."""

import json

import pytest

from components.problems import PlanError
from operations.certificates import issue_certificate
from operations.verify import target
from operations.verify.target import Asked, find_target

KEY = "sk-canary-of-a-test"
ACCESS = {
    "schema": 1,
    "stack": "rehearsal",
    "kubeconfig": "/kubeconfig",
    "ca_file": None,
    "api_keys": {"acme": KEY, "trial": "sk-other"},
    "gateway_url": "https://localhost:1",
    "prometheus_url": None,
    "reasons": {"prometheus_url": "there is no monitoring slice yet"},
}


def access(tmp_path, **other):
    path = tmp_path / "access.json"
    path.write_text(json.dumps({**ACCESS, **other}), "utf-8")
    return path


def refusal(asked, stack="rehearsal"):
    with pytest.raises(PlanError) as refused:
        find_target(asked, stack, "rehearsal")
    [problem] = refused.value.problems
    assert KEY not in str(problem)
    return problem


def test_a_rehearsal_is_read_from_its_access_file(tmp_path):
    found = find_target(Asked(access=access(tmp_path)), "rehearsal", "unused")
    assert (found.url, found.tenant, found.key) == ("https://localhost:1", "acme", KEY)
    assert (found.context, found.prometheus_url) == (None, None)
    assert found.why_not("prometheus_url") == "there is no monitoring slice yet"
    assert KEY not in repr(found)


def test_without_any_flag_the_rehearsal_of_this_checkout_is_meant(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "ACCESS", access(tmp_path))
    assert find_target(Asked(), "rehearsal", "unused").tenant == "acme"


def test_pods_that_do_not_run_have_no_gateway_and_say_why(tmp_path):
    reasons = {"gateway_url": "nodes and pods are simulated"}
    path = access(tmp_path, gateway_url=None, reasons=reasons)
    found = find_target(Asked(access=path), "rehearsal", "unused")
    assert (found.url, found.why_not("url")) == (None, "nodes and pods are simulated")


def test_a_cluster_of_the_users_own_is_found_by_the_context_of_the_plan(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    found = find_target(Asked(url="https://ai.example.com", key_env="A_KEY"), "mine", "prod")
    assert (found.context, found.key, found.tenant) == ("prod", KEY, None)
    assert find_target(Asked(context="other"), "mine", "prod").context == "other"


def test_a_key_is_read_from_a_file(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n", "utf-8")
    assert find_target(Asked(key_file=tmp_path / "key"), "mine", "prod").key == KEY


def test_what_is_not_named_is_not_asked_and_says_how_to_name_it():
    found = find_target(Asked(context="prod"), "mine", "prod")
    assert (found.url, found.why_not("url")) == (None, "no gateway is named (--url)")
    assert found.why_not("key") == "no key is named (--key-env or --key-file)"


def test_an_access_file_that_is_not_there_is_advice(tmp_path):
    problem = refusal(Asked(access=tmp_path / "none.json"))
    assert problem.what == "it cannot be read: No such file or directory"
    assert problem.fix.startswith("`make up` writes it; or name the cluster")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "it is no JSON"),
        ('{"schema": 9}', "its schema is 9, and this reads 1"),
        ("{}", "its schema is None, and this reads 1"),
        ("[]", "it is no JSON object"),
    ],
)
def test_an_access_file_that_makes_no_sense_is_advice(tmp_path, text, what):
    (tmp_path / "access.json").write_text(text, "utf-8")
    assert refusal(Asked(access=tmp_path / "access.json")).what == what


def test_the_access_file_of_another_stack_is_refused(tmp_path):
    problem = refusal(Asked(access=access(tmp_path)), stack="mine")
    assert problem.what == "it leads to the stack 'rehearsal', not to 'mine'"


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"key_env": "NO_SUCH_VARIABLE"}, "--key-env"),
        ({"key_file": "none"}, "--key-file"),
    ],
)
def test_a_key_that_is_not_there_is_advice(tmp_path, asked, where):
    if "key_file" in asked:
        asked = {"key_file": tmp_path / asked["key_file"]}
    assert refusal(Asked(url="https://a.example", **asked)).where == where


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "it cannot be read: No such file or directory"),
        ("no certificate", "it holds no certificate in PEM form"),
    ],
)
def test_a_ca_file_that_no_client_could_use_is_advice(tmp_path, text, what):
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_text(text, "utf-8")
    problem = refusal(Asked(url="https://a.example", ca_file=path))
    assert (problem.where, problem.what) == (str(path), what)


def test_a_ca_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_text(json.loads(issue_certificate(["localhost"], days=1))["ca.crt"], "utf-8")
    assert find_target(Asked(ca_file=path), "mine", "prod").ca_file == path
