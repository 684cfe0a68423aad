"""Bad input through the real engine: advice, exit 1, no traceback, nothing created."""

import json

import pytest
import yaml

from components.blueprint.load import SPEC_KEY

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("refusals")]


@pytest.fixture(scope="module")
def deployment(deploy):
    return deploy("rehearsal")


@pytest.fixture
def stack_file(deployment):
    """The working copy's stack file, put back after the test."""
    path = deployment.rehearsal.workspace.config_file
    good = path.read_text("utf-8")
    yield path
    path.write_text(good, "utf-8")


def check_nothing_was_created(deployment, said):
    assert "Traceback" not in said
    assert deployment.state() == []
    assert "deepseek" not in deployment.kubectl("get", "namespaces", "-o", "name")


@pytest.mark.usefixtures("stack_file")
def test_a_plan_that_refuses_stops_the_engine_with_the_arithmetic(deployment):
    deployment.change(lambda spec: spec["servers"]["r1"].update(parallelism={"tensor": 3}))
    said = deployment.refusal("up", "--yes", "--skip-preview")
    assert (
        "128 attention heads of deepseek-r1-0528 do not split over 3 GPUs (128 / 3 = 42.67). "
        "Use one of 1, 2, 4, 8."
    ) in said
    check_nothing_was_created(deployment, said)


@pytest.mark.usefixtures("stack_file")
def test_a_secret_in_the_spec_stops_the_engine_and_is_not_repeated(deployment):
    canary = "sk-rehearsal-canarycanarycanary"
    deployment.change(lambda spec: spec["tags"].update(owner=canary))
    said = deployment.refusal("preview")
    assert "tags.owner: this looks like an API key in clear text" in said
    assert canary not in said
    check_nothing_was_created(deployment, said)


def test_missing_keys_are_asked_for_by_name(deployment, stack_file):
    kept = yaml.safe_load(stack_file.read_text("utf-8"))
    del kept["config"]["deepseek-blueprint:gateway-keys"]
    stack_file.write_text(yaml.safe_dump(kept), "utf-8")
    said = deployment.refusal("preview")
    assert "pulumi config set --secret deepseek-blueprint:gateway-keys" in said
    check_nothing_was_created(deployment, said)


@pytest.mark.usefixtures("stack_file")
def test_keys_of_a_tenant_that_is_gone_are_refused_without_their_hashes(deployment):
    digest = "c0ffee" * 10 + "cafe"
    keys = {digest: {"tenant": "nobody", "expires": None}}
    deployment.cli.set_secret("gateway-keys", json.dumps(keys))
    said = deployment.refusal("preview")
    assert "belongs to 'nobody', which is no tenant. Known: acme, trial" in said
    assert digest not in said
    check_nothing_was_created(deployment, said)


def test_a_stack_file_that_is_no_yaml_is_refused(deployment, stack_file):
    stack_file.write_text("config:\n  a: [", "utf-8")
    said = deployment.refusal("preview")
    assert "Traceback" not in said
    stack_file.write_text(yaml.safe_dump({"config": {SPEC_KEY: {}}}), "utf-8")


def test_a_cluster_that_does_not_answer_creates_nothing(deployment, tmp_path):
    unanswered = deployment.running.kubeconfig.read_text("utf-8")
    port = deployment.running.server.rpartition(":")[2]
    # Port 1 is reserved (tcpmux): nobody answers there.
    (tmp_path / "kubeconfig").write_text(unanswered.replace(f":{port}", ":1"), "utf-8")
    here = deployment.cli
    try:
        deployment.cli = deployment.rehearsal.workspace.cli(
            dict(here.environment), tmp_path / "kubeconfig"
        )
        said = deployment.refusal("up", "--yes", "--skip-preview")
    finally:
        deployment.cli = here
    assert "unreachable" in said
    check_nothing_was_created(deployment, said)


def test_keys_and_certificate_are_nowhere_in_clear_text(deployment):
    """Neither in the state, nor in the project, nor in what a preview says."""
    said = deployment.cli.call("preview", "--diff")
    texts = [
        path.read_text("utf-8", errors="replace")
        for part in ("state", "project")
        for path in (deployment.rehearsal.folder / part).rglob("*")
        if path.is_file()
    ]
    assert len(deployment.keys) == 2
    for secret in (*deployment.keys.values(), "PRIVATE KEY"):
        assert [text for text in (said, *texts) if secret in text] == []
