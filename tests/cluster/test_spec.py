import pytest
from pydantic import ValidationError

from components.cluster.spec import ClusterSpec

GOOD = {"mode": "adopt", "context": "prod"}


def complaints(**changed):
    with pytest.raises(ValidationError) as refused:
        ClusterSpec(**GOOD | changed)
    return [(line["loc"], line["msg"]) for line in refused.value.errors()]


def test_the_dns_domain_is_the_usual_one_unless_it_is_said():
    assert ClusterSpec(**GOOD).dns_domain == "cluster.local"


def test_a_cluster_that_we_would_have_to_create_is_refused():
    assert complaints(mode="create") == [(("mode",), "Input should be 'adopt'")]


def test_an_empty_context_is_refused():
    """kubectl takes the current context for it, whatever that is at the moment."""
    assert complaints(context="") == [(("context",), "String should have at least 1 character")]


def test_a_misspelt_key_is_refused():
    assert complaints(contexts="prod") == [(("contexts",), "Extra inputs are not permitted")]


@pytest.mark.parametrize("domain", ["cluster.local.", ".local", "Cluster.local", "cluster local"])
def test_what_is_no_dns_domain_is_refused(domain):
    assert [path for path, _ in complaints(dns_domain=domain)] == [("dns_domain",)]
