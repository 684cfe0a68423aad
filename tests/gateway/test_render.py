"""What is rendered, and that nginx accepts it. The live tests say what it does."""

import json
import re
import subprocess
from dataclasses import replace

import pytest

from components.gateway.credentials import keys_map
from components.gateway.render import KEYS_FILE, config_checksum, render_gateway
from tests.gateway.site import lay_out, nginx_check
from tests.gateway.specs import ALIASES, TENANTS, TIERS

LARGEST = {"requests_per_minute": 60_000_000, "concurrent_requests": 65_535}
ODD = {"aliases": ALIASES, "tiers": TIERS, "tenants": TENANTS}


def many(count):
    """Describe a gateway of `count` tenants, each of which may call every model."""
    aliases = {f"model-{number}": {"r1": 100} for number in range(20)}
    tenant = {"tier": "gold", "models": list(aliases)}
    return {"aliases": aliases, "tenants": {f"tenant-{n}": tenant for n in range(count)}}


@pytest.mark.gateway
@pytest.mark.parametrize(
    "changed", [{}, ODD, many(1000)], ids=["good", "odd names", "1000 tenants"]
)
def test_nginx_accepts_what_is_rendered(planned, tmp_path, changed):
    lay_out(planned(**changed), tmp_path)
    assert nginx_check(tmp_path) == ""


@pytest.mark.gateway
def test_nginx_holds_as_many_keys_as_a_secret(planned, tmp_path):
    lay_out(planned(), tmp_path)
    entry = {"tenant": "acme", "expires": "2027-01-31"}
    keys = {f"{number:064x}": entry for number in range(12_000)}
    (tmp_path / "keys_dir" / KEYS_FILE).write_text(keys_map(json.dumps(keys), {"acme"}))
    assert nginx_check(tmp_path) == ""


@pytest.mark.gateway
def test_nginx_refuses_a_broken_map_so_that_a_reload_is_not_tried(planned, tmp_path):
    lay_out(planned(), tmp_path)
    (tmp_path / "keys_dir" / KEYS_FILE).write_text("canary")
    assert "[emerg]" in nginx_check(tmp_path)


def test_the_shell_accepts_the_start_script(planned):
    script = render_gateway(planned())["start.sh"]
    done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_limits_of_a_tier_are_those_of_one_replica(planned):
    conf = render_gateway(planned())["nginx.conf"]
    assert re.findall(r"limit_(?:req|conn)[^;]*gold[^;]*;", conf) == [
        "limit_req_zone $tenant_of_gold zone=rate_gold:1m rate=300r/m;",
        "limit_conn_zone $tenant_of_gold zone=open_gold:1m;",
        "limit_req zone=rate_gold burst=299 nodelay;",
        "limit_conn open_gold 4;",
    ]


def test_a_share_of_one_request_a_minute_has_no_burst(planned):
    tiers = {"gold": {"requests_per_minute": 2, "concurrent_requests": 2}}
    conf = render_gateway(planned(tiers=tiers))["nginx.conf"]
    assert "limit_req zone=rate_gold nodelay;" in conf


def test_the_first_shares_are_portions_and_the_last_is_the_rest(planned):
    aliases = {"deepseek-r1": {"r1": 90, "r2": 10}}
    conf = render_gateway(planned(aliases=aliases))["nginx.conf"]
    [split] = re.findall(r"split_clients [^}]*}", conf)
    flat = " ".join(split.split())
    assert flat == 'split_clients $affinity $split_0 { 90% "engine-r1"; * "engine-r2"; }'


def test_an_upstream_is_its_pods_by_name_none_ever_out_and_connections_that_uvicorn_keeps(planned):
    conf = render_gateway(planned())["nginx.conf"]
    [block] = re.findall(r"upstream engine-[^}]*}", conf)
    assert [line.strip() for line in block.splitlines() if "#" not in line] == [
        "upstream engine-r1 {",
        "zone engine-r1 256k;",
        "random two least_conn;",
        "server r1-pods.deepseek-serving.svc.cluster.local:8000 resolve max_fails=0;",
        "keepalive 64;",
        "keepalive_timeout 4s;",
        "}",
    ]


def test_the_log_names_nothing_that_holds_a_query_a_header_or_a_body(planned):
    conf = render_gateway(planned())["nginx.conf"]
    [log] = re.findall(r"log_format[^;]*;", conf)
    variables = set(re.findall(r"\$(\w+)", log))
    assert not {"request", "request_uri", "args", "query_string", "request_body"} & variables
    assert not [name for name in variables if name.startswith(("http_", "arg_", "cookie_", "key_"))]


@pytest.mark.parametrize("never", ["load_module", "non_idempotent", "proxy_next_upstream_tries 0"])
def test_what_the_configuration_never_says(planned, never):
    settings = [
        line
        for line in render_gateway(planned())["nginx.conf"].splitlines()
        if not line.strip().startswith("#")
    ]
    assert [line for line in settings if never in line] == []


def test_a_changed_plan_has_another_checksum_and_the_same_plan_the_same(planned):
    plan = planned()
    assert config_checksum(plan) == config_checksum(planned())
    assert config_checksum(plan) != config_checksum(replace(plan, strangers_per_minute=61))
