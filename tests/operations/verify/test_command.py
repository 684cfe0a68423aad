"""What cannot be verified ends with advice and exit status 2."""

import json
import socket

import pytest
import yaml
from typer.testing import CliRunner

from operations.cli import app
from operations.verify import command

pytestmark = pytest.mark.medium  # the first of them loads pulumi


def refused(*arguments):
    done = CliRunner().invoke(app, ["verify", *map(str, arguments), "--json"])
    assert done.exit_code == 2, done.output
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "refused"
    [problem] = answer["problems"]
    return problem


def test_without_a_rehearsal_the_way_to_one_is_told(tmp_path):
    problem = refused("rehearsal", "--access", tmp_path / "access.json")
    assert problem["where"] == str(tmp_path / "access.json")
    assert problem["fix"].startswith("`make up` writes it")


def test_a_stack_that_is_not_there_is_named():
    assert refused("rehearsel")["fix"].startswith("Did you mean 'rehearsal'?")


def test_a_cluster_that_does_not_answer_is_told_in_the_words_of_kubectl(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = f"https://127.0.0.1:{free.getsockname()[1]}"
    named = {"cluster": "c", "user": "u"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "rehearsal", "context": named}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config), "utf-8")

    problem = refused("rehearsal", "--kubeconfig", path)
    assert problem["where"] == "the cluster"
    assert "refused" in problem["what"]
    assert "kubectl version" in problem["fix"]


def test_a_context_that_the_kubeconfig_lacks_is_told(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text("apiVersion: v1\nkind: Config\n", "utf-8")
    problem = refused("rehearsal", "--kubeconfig", path, "--context", "elsewhere")
    assert 'context "elsewhere" does not exist' in problem["what"]


def test_packages_that_checks_need_are_named(monkeypatch):
    monkeypatch.setitem(command.NEEDS, "no_such_module", "pytest-testinfra")
    problem = refused("rehearsal")
    assert (problem["where"], problem["what"]) == ("pytest-testinfra", "not installed")
    assert "requirements/dev.txt" in problem["fix"]
