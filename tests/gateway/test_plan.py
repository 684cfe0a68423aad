import time

import pytest

from components.gateway.plan import check_gateway, plan_gateway
from components.network.plan import plan_network
from components.network.spec import NetworkSpec


@pytest.fixture
def problems(spec):
    """Check a good spec that is changed in one way; answer the problems as the user reads them."""
    return lambda *servers, **changed: [
        str(problem) for problem in check_gateway(spec(**changed), servers or ("r1",))
    ]


def test_a_good_spec_has_no_problem(problems):
    assert problems() == []


def test_an_alias_of_an_unknown_server_is_told_the_nearest_and_all(problems):
    assert problems("r1", "other", aliases={"a": {"r1": 50, "othr": 50}, "b": {"other": 100}}) == [
        (
            "gateway.aliases.a.othr: there is no server 'othr'. "
            "Did you mean 'other'? Known: other, r1."
        ),
        "gateway.tenants.acme.models.0: there is no alias 'deepseek-r1'. Known: a, b.",
    ]


def test_shares_that_are_not_100_are_added_up_for_the_user(problems):
    assert problems("r1", "r2", aliases={"deepseek-r1": {"r1": 90, "r2": 5}}) == [
        (
            "gateway.aliases.deepseek-r1: the shares of its servers are percentages, "
            "and 90 + 5 = 95. Make them add up to 100."
        )
    ]


def test_a_server_that_no_alias_reaches_is_refused(problems):
    assert problems("r1", "spare") == [
        (
            "servers.spare: no alias leads to it, so nobody can call it. "
            "Name it in gateway.aliases, or remove the server."
        )
    ]


def test_aliases_that_nginx_would_not_tell_apart_are_refused(problems):
    assert problems(aliases={"deepseek-r1": {"r1": 100}, "DeepSeek-R1": {"r1": 100}}) == [
        (
            "gateway.aliases.DeepSeek-R1: it differs from deepseek-r1 by case alone. "
            "Rename one of them."
        )
    ]


def test_a_tenant_of_an_unknown_tier_and_model_is_refused(problems):
    assert problems(tenants={"acme": {"tier": "golden", "models": ["deepseek-r2"]}}) == [
        "gateway.tenants.acme.tier: there is no tier 'golden'. Did you mean 'gold'? Known: gold.",
        (
            "gateway.tenants.acme.models.0: there is no alias 'deepseek-r2'. "
            "Did you mean 'deepseek-r1'? Known: deepseek-r1."
        ),
    ]


def test_a_limit_of_which_a_replica_would_get_nothing_is_refused_with_the_arithmetic(problems):
    tiers = {"gold": {"requests_per_minute": 2, "concurrent_requests": 3}}
    assert problems(replicas=3, tiers=tiers) == [
        (
            "gateway.tiers.gold.requests_per_minute: each of 3 gateway replicas counts for itself "
            "and gets its share: 2 / 3 rounds down to 0. Set it to 3 or more, or use fewer gateway "
            "replicas."
        )
    ]


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        (
            {"mode": "secret"},
            (
                "gateway.tls.secret: mode secret takes its certificate from a Secret and none is "
                "named. Name a kubernetes.io/tls Secret in deepseek-gateway."
            ),
        ),
        (
            {"mode": "secret", "secret": "edge", "dns_names": ["a.example"]},
            (
                "gateway.tls.dns_names: mode secret uses a certificate that has its names already. "
                "Remove them, or use mode private-ca."
            ),
        ),
        (
            {"mode": "private-ca", "secret": "edge", "dns_names": ["a.example"]},
            (
                "gateway.tls.secret: mode private-ca makes a Secret of its own and would ignore "
                "this one. Remove it, or use mode secret."
            ),
        ),
        (
            {"mode": "private-ca"},
            (
                "gateway.tls.dns_names: mode private-ca issues a certificate, and no name is to "
                "stand in it. Name the hosts that clients connect to."
            ),
        ),
    ],
)
def test_a_certificate_that_cannot_be_is_refused(problems, tls, told):
    assert problems(tls=tls) == [told]


def test_a_tier_that_nobody_uses_is_no_problem(problems, spec):
    tiers = {**spec().tiers, "spare": {"requests_per_minute": 60, "concurrent_requests": 2}}
    assert problems(tiers=tiers) == []


def test_upstreams_are_the_full_names_of_the_servers_services(planned):
    [upstream] = planned().upstreams
    assert upstream.address == "r1-pods.deepseek-serving.svc.cluster.local"
    assert upstream.port == 8000
    assert upstream.selector["app.kubernetes.io/instance"] == "r1"


def test_the_certificate_is_ours_or_the_users(planned):
    ours, theirs = planned(), planned(tls={"mode": "secret", "secret": "edge"})
    assert (ours.tls_secret, ours.issued_tls_secrets) == ("gateway-tls", ("gateway-tls",))
    assert (theirs.tls_secret, theirs.issued_tls_secrets) == ("edge", ())


def test_a_public_gateway_keeps_the_addresses_of_its_clients(planned):
    internal, public = planned(), planned(exposure="public")
    assert (internal.service_type, internal.external_traffic_policy) == ("ClusterIP", None)
    assert (public.service_type, public.external_traffic_policy) == ("LoadBalancer", "Local")
    assert public.client_cidrs == ("0.0.0.0/0", "::/0")


def test_a_replica_is_sized_for_the_streams_of_all_its_tenants(planned):
    tenant = {"tier": "gold", "models": ["deepseek-r1"]}  # 8 open requests, over 2 replicas
    needs = planned(tenants={f"t{n}": tenant for n in range(100)}).resources
    assert needs.cpu_request_millicores == 100 + 100 * 4
    assert needs.memory_request_mib == 128 + 64 + 125


def test_a_thousand_tenants_are_planned_in_well_under_a_second(spec, servers):
    tenant = {"tier": "gold", "models": ["deepseek-r1"]}
    many = spec(tenants={f"tenant-{number}": tenant for number in range(1000)})
    running, network = (
        servers("r1"),
        plan_network(NetworkSpec(exposure="internal", egress="closed"), {}),
    )
    start = time.perf_counter()
    assert list(check_gateway(many, running)) == []
    plan = plan_gateway(many, running, network, "cluster.local", {})
    assert time.perf_counter() - start < 0.5
    assert len(plan.tenants) == 1000
