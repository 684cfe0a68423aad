import pytest

from components.blueprint.secrets import check_secrets

CANARIES = {
    "an API key": "sk-rehearsal-canarycanarycanary",
    "a Hugging Face token": "hf_canarycanarycanarycanary",
    "an AWS access key": "AKIACANARYCANARYCANA",
    "a GitHub token": "ghp_canarycanarycanarycanarycanarycanary",
    "a private key": "-----BEGIN EC PRIVATE KEY-----\ncanary",
    "a JSON Web Token": "eyJcanarycanary.canarycanary.canary",
    "a password in a URL": "https://canary:canary@mirror.internal/",
    "a password": "--hub-token=canary-canary",
}


@pytest.mark.parametrize(("kind", "value"), CANARIES.items())
def test_a_secret_is_found_wherever_it_stands_and_never_repeated(kind, value):
    [(problem, text)] = check_secrets({"servers": {"r1": {"extra_args": ["--seed=1", value]}}})
    assert text == value
    assert problem.where == "servers.r1.extra_args.1"
    assert problem.what == f"this looks like {kind} in clear text"
    assert "canary" not in str(problem).lower()


def test_an_encrypted_value_inside_the_spec_is_refused_too():
    [(problem, _)] = check_secrets({"tags": {"owner": {"secure": "AAABcanary"}}})
    assert (problem.where, problem.what) == (
        "tags.owner",
        "an encrypted secret stands inside the spec",
    )


def test_a_secret_that_is_a_key_is_found_and_its_place_does_not_name_it():
    [(problem, _)] = check_secrets({"tags": {"sk-rehearsal-canarycanarycanary": "x"}})
    assert (problem.where, "canary" in str(problem)) == ("tags", False)


@pytest.mark.parametrize(
    "value", ["deepseek-r1", "10.0.0.0/8", "--max-num-queued-reqs=128", "/mnt/nvme", 3, None, True]
)
def test_ordinary_values_are_no_secrets(value):
    assert list(check_secrets({"a": [value], "b": value})) == []
