"""Whom load may reach: this machine, or a host that somebody names; keys come from files."""

import json
from pathlib import Path

import pytest

from components.problems import PlanError
from operations.load.target import Target, read_key, target_of_access

KEY = "canary-key"
ACCESS = {
    "schema": 1,
    "gateway_url": "https://localhost:8443",
    "ca_file": None,
    "api_keys": {"acme": KEY, "trial": "other"},
    "reasons": {},
}


@pytest.fixture
def access(tmp_path):
    """Write access.json with some fields changed."""

    def write(**changes):
        path = tmp_path / "access.json"
        path.write_text(json.dumps(ACCESS | changes))
        return path

    return write


def problem(refused):
    [only] = refused.value.problems
    return only


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_this_machine_needs_no_permission(host):
    assert Target(url=f"http://{host}:1").url == f"http://{host}:1"


def test_another_host_is_refused_until_it_is_named():
    with pytest.raises(PlanError) as refused:
        Target(url="http://192.0.2.1:1")
    assert "--allow-host 192.0.2.1" in problem(refused).fix
    with pytest.raises(PlanError, match="is not this machine"):
        Target(url="http://192.0.2.1:1", allowed_host="192.0.2.2")
    assert Target(url="http://192.0.2.1:1", allowed_host="192.0.2.1").allowed_host == "192.0.2.1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:80",
        "ftp://localhost",
        "http://",
        "http://user:canary@localhost",
        "http://[::1",
        "http://localhost:99999",
        "http://localhost/v1",
        "http://localhost?a=b",
    ],
)
def test_what_is_no_base_url_is_refused_without_being_repeated(url):
    with pytest.raises(PlanError) as refused:
        Target(url=url)
    assert problem(refused).where == "url"
    assert "canary" not in str(refused.value)


def test_a_ca_file_that_is_not_there_is_named():
    with pytest.raises(PlanError, match=r"ca_file: there is no file nowhere\.crt"):
        Target(url="https://localhost", ca_file=Path("nowhere.crt"))


def test_a_key_is_no_part_of_what_is_printed():
    assert KEY not in repr(Target(url="http://localhost", keys=(KEY,)))


def test_access_gives_the_gateway_and_the_first_tenant_or_those_that_are_named(access):
    assert target_of_access(access()).keys == (KEY,)
    assert target_of_access(access()).url == ACCESS["gateway_url"]
    assert target_of_access(access(), tenants=["trial", "acme"]).keys == ("other", KEY)


def test_an_unknown_tenant_is_told_the_known_ones(access):
    with pytest.raises(PlanError) as refused:
        target_of_access(access(), tenants=["acne"])
    assert problem(refused).fix == "Known: acme, trial."


def test_no_gateway_has_its_reason(access):
    with pytest.raises(PlanError, match="it is null: nothing listens"):
        target_of_access(access(gateway_url=None, reasons={"gateway_url": "nothing listens"}))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 2}'])
def test_an_access_file_of_another_form_is_advice(tmp_path, text):
    path = tmp_path / "access.json"
    path.write_text(text)
    with pytest.raises(PlanError, match="Run `make down` and `make up`"):
        target_of_access(path)


def test_no_access_file_is_advice(tmp_path):
    with pytest.raises(PlanError, match="Run `make up` first"):
        target_of_access(tmp_path / "access.json")


def test_a_key_file_holds_one_key(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    assert read_key(path) == KEY
    path.write_text(f"{KEY} {KEY}\n")
    with pytest.raises(PlanError) as refused:
        read_key(path)
    assert "holds 2 words" in problem(refused).what
    assert KEY not in str(refused.value)
    with pytest.raises(PlanError, match="cannot be read"):
        read_key(tmp_path / "nothing")
