import pytest

from components.blueprint.load import SPEC_KEY, load_stack, parse_spec, read_stack, stack_file
from components.problems import PlanError


@pytest.fixture
def stack(tmp_path):
    """Write a stack file; answer every problem it has, as text."""

    def refusal(text):
        path = tmp_path / "Pulumi.x.yaml"
        path.write_text(text, "utf-8")
        with pytest.raises(PlanError) as refused:
            load_stack(path)
        return str(refused.value).splitlines()

    return refusal


def spec(text):
    return f"config:\n  {SPEC_KEY}:\n" + text


def test_a_file_that_is_no_yaml_is_refused_with_its_line(stack):
    assert stack("config:\n  a: [") == [
        "- Pulumi.x.yaml (line 3): not YAML: did not find expected node content. Mend the file."
    ]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "Pulumi.x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="not YAML"):
        load_stack(path)


@pytest.mark.parametrize("text", ["", "config: {}", "config: 3", "[]"])
def test_a_file_without_a_spec_is_refused(stack, text):
    assert stack(text) == [
        (
            f"- Pulumi.x.yaml: it has no {SPEC_KEY}. "
            f"Write the stack spec under config, as {SPEC_KEY}; see docs/reference/spec.md."
        )
    ]


def test_two_servers_with_one_name_are_refused_with_both_lines(stack):
    assert stack(spec("    servers:\n      r1: {}\n      r2: {}\n      r1: {}\n")) == [
        (
            "- servers.r1 (line 6): the key 'r1' stands here twice, first in line 4. "
            "Keep one, or give one another name."
        )
    ]


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest(stack):
    problems = stack(spec("    cloud: onprem\n    cluter: {mode: adopt, context: x}\n"))
    assert (
        "- cluter (line 4): unknown key 'cluter'. Did you mean 'cluster'? Known keys here: cloud, "
        "cluster, network, pools, weights, servers, gateway, tags."
    ) in problems
    assert "- cluster: required, and absent. Set cluster: the Kubernetes cluster." in problems


def test_a_problem_inside_a_list_has_the_line_of_its_entry(tmp_path):
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(spec("    network:\n      client_cidrs:\n      - 10.0.0.0/8\n"), "utf-8")
    _, lines = read_stack(path)
    assert lines == {"network": 3, "network.client_cidrs": 4, "network.client_cidrs.0": 5}


def test_an_unknown_stack_is_refused_with_the_known_ones_listed(tmp_path):
    (tmp_path / "Pulumi.prod.yaml").touch()
    (tmp_path / "Pulumi.rehearsal.yaml").touch()
    with pytest.raises(PlanError) as refused:
        stack_file("rehearsl", tmp_path)
    assert str(refused.value) == (
        "- STACK: there is no stack 'rehearsl'. "
        "Did you mean 'rehearsal'? Known stacks: prod, rehearsal."
    )


def test_clear_text_secrets_and_wrong_fields_are_reported_together():
    with pytest.raises(PlanError) as refused:
        parse_spec({"cloud": "onprm", "tags": {"owner": "password=hunter22"}})
    wheres = [problem.where for problem in refused.value.problems]
    assert wheres[:2] == ["tags.owner", "cloud"]
