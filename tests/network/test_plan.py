from ipaddress import ip_network

import pytest

from components.network.plan import ANYWHERE, PRIVATE, check_network, plan_network
from components.network.spec import NetworkSpec


def spec(**changed):
    return NetworkSpec(**{"exposure": "internal", "egress": "closed"} | changed)


def plan(**changed):
    return plan_network(spec(**changed), {"owner": "platform"})


@pytest.mark.parametrize(
    ("exposure", "service_type"), [("internal", "ClusterIP"), ("public", "LoadBalancer")]
)
def test_an_internal_gateway_gets_no_load_balancer(exposure, service_type):
    assert plan(exposure=exposure).service_type == service_type


def test_an_internal_gateway_answers_private_networks():
    assert plan().client_cidrs == ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


def test_a_public_gateway_answers_anybody():
    assert plan(exposure="public").client_cidrs == ("0.0.0.0/0", "::/0")


def test_declared_clients_are_the_only_ones():
    assert plan(client_cidrs=["10.20.0.0/16"]).client_cidrs == ("10.20.0.0/16",)


def test_engines_reach_nothing_while_egress_is_closed():
    assert plan().engine_egress_cidrs == ()


def test_open_egress_is_open_in_both_families():
    assert plan(egress="open").engine_egress_cidrs == ("0.0.0.0/0", "::/0")


def test_both_namespaces_are_isolated():
    assert plan().namespaces == ("deepseek-gateway", "deepseek-serving")


def test_tags_become_labels():
    assert plan().labels["owner"] == "platform"


def test_nothing_that_we_derive_is_refused():
    assert list(check_network(spec(client_cidrs=PRIVATE))) == []
    assert list(check_network(spec(exposure="public", client_cidrs=ANYWHERE))) == []


def test_private_networks_do_not_overlap():
    """Otherwise a rule would stand twice in the policy."""
    networks = [ip_network(cidr) for cidr in PRIVATE]
    pairs = [(a, b) for a in networks for b in networks if a.version == b.version and a != b]
    assert [pair for pair in pairs if pair[0].overlaps(pair[1])] == []


def test_an_internal_gateway_for_clients_from_outside_is_refused():
    problems = check_network(spec(client_cidrs=["10.0.0.0/8", "8.8.8.0/24"]))
    assert [str(problem) for problem in problems] == [
        (
            "network.client_cidrs.1: 8.8.8.0/24 is not a private network, but exposure is "
            "internal. Name a private network, or set network.exposure to public."
        )
    ]


@pytest.mark.parametrize(
    "cidr",
    [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",  # half of it is private
        "2001:4860::/32",
        "203.0.113.0/24",  # for documentation: the standard library calls it private
        "198.18.0.0/15",  # for benchmarks: likewise
    ],
)
def test_what_is_not_within_a_private_network_is_refused(cidr):
    assert len(list(check_network(spec(client_cidrs=[cidr])))) == 1


def test_a_public_gateway_may_be_kept_to_an_office():
    assert list(check_network(spec(exposure="public", client_cidrs=["8.8.8.0/24"]))) == []
