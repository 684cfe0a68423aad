import pytest
from pydantic import ValidationError

from components.gateway.spec import GatewaySpec
from tests.gateway.specs import GOOD

TIER = GOOD["tiers"]["gold"]


def complaints(**changed):
    with pytest.raises(ValidationError) as refused:
        GatewaySpec.model_validate(GOOD | changed)
    return [(".".join(map(str, line["loc"])), line["type"]) for line in refused.value.errors()]


def test_two_replicas_are_the_default():
    assert GatewaySpec.model_validate(GOOD).replicas == 2


def test_a_mode_of_tls_that_we_do_not_have_is_refused():
    assert complaints(tls={"mode": "none"}) == [("tls.mode", "literal_error")]


@pytest.mark.parametrize("name", ["a b", "a,b", 'a"b', "a;b", "$a", "", "-a", "深度"])
def test_an_alias_that_could_end_a_word_of_nginx_is_refused(name):
    assert complaints(aliases={name: {"r1": 100}})[0][1] == "string_pattern_mismatch"


@pytest.mark.parametrize("name", ["Acme", "a_b", "a b", 'a"', "a:b", "=a"])
def test_so_is_the_name_of_a_tenant(name):
    tenants = {name: {"tier": "gold", "models": ["deepseek-r1"]}}
    assert complaints(tenants=tenants)[0][1] == "string_pattern_mismatch"


@pytest.mark.parametrize("name", ["*.example.com", "localhost", "a.b-c.internal"])
def test_names_of_hosts_are_accepted(name):
    tls = {"mode": "private-ca", "dns_names": [name]}
    assert GatewaySpec.model_validate(GOOD | {"tls": tls}).tls.dns_names == (name,)


@pytest.mark.parametrize("name", ["-a.example", "a..b", "https://a.example", "a.*.example", "A"])
def test_what_is_no_name_of_a_host_is_refused(name):
    tls = {"mode": "private-ca", "dns_names": [name]}
    assert complaints(tls=tls) == [("tls.dns_names.0", "string_pattern_mismatch")]


@pytest.mark.parametrize(
    ("limit", "value", "kind"),
    [
        ("requests_per_minute", 0, "greater_than"),
        ("requests_per_minute", 60_000_001, "less_than_equal"),
        ("concurrent_requests", 65_536, "less_than_equal"),
        ("concurrent_requests", 1.5, "int_type"),
    ],
)
def test_a_limit_that_nginx_cannot_count_is_refused(limit, value, kind):
    assert complaints(tiers={"gold": TIER | {limit: value}}) == [(f"tiers.gold.{limit}", kind)]


def test_a_tenant_without_a_model_is_refused():
    tenants = {"acme": {"tier": "gold", "models": []}}
    assert complaints(tenants=tenants) == [("tenants.acme.models", "too_short")]
