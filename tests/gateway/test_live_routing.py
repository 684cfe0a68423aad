"""Which engine a request reaches, how often, and what it carries."""

import pytest

from tests.gateway.site import CHAT

pytestmark = pytest.mark.gateway
ONE, TWO = "127.0.0.12", "127.0.0.13"
PAIR = ("127.0.0.14", "127.0.0.15")
SESSIONS = [f"session-{number}" for number in range(300)]


@pytest.fixture(scope="module")
def client(gateway):
    with gateway.client(gateway.keys["acme"]) as opened:
        yield opened


def engine_of(client, model, **headers):
    answer = client.post(CHAT, json={"model": model, "messages": []}, headers=headers)
    assert answer.status_code == 200
    return answer.json()["engine"]


@pytest.mark.medium
def test_a_canary_of_10_percent_gets_a_tenth_of_the_sessions_and_keeps_them(client):
    first = [engine_of(client, "canary", **{"X-Session-ID": s}) for s in SESSIONS]
    again = [engine_of(client, "canary", **{"X-Session-ID": s}) for s in reversed(SESSIONS)]
    assert 15 <= first.count(TWO) <= 45
    assert set(first) == {ONE, TWO}
    assert again[::-1] == first


def test_a_tenant_without_sessions_stays_with_one_version(client):
    assert len({engine_of(client, "canary") for _ in range(40)}) == 1


def test_the_engine_gets_the_body_as_it_was_and_no_header_that_it_would_obey(gateway, world):
    body = '{ "model":"recorded",  "messages":[{"role":"user","content":"\\u4f60好"}] }'.encode()
    given = {
        "Content-Type": "text/plain",
        "Cookie": "a=b",
        "X-Client-Id": "somebody-else",
        "X-Data-Parallel-Rank": "1",
        "X-Request-Id": "trace-0123.abc",
        "X-Session-ID": "s-1",
        "X-Vllm-Priority": "-100",
    }
    with (
        gateway.client(gateway.keys["acme"], **given) as client,
        world.engines[ONE].doing() as seen,
    ):
        answer = client.post("/v1/completions", content=body)
    [(path, headers, arrived)] = seen
    assert (path, arrived) == ("/v1/completions", body)
    assert answer.headers.get_list("X-Request-Id") == ["trace-0123.abc"]
    assert headers == {
        "Accept": "*/*",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
        "Host": "localhost",
        "X-Client-Id": "acme",
        "X-Request-Id": "trace-0123.abc",
        "X-Session-ID": "s-1",
    }


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "with space in it", "nöt-ascii-at-all", 'a"b{c}$d']
)
def test_a_request_id_that_could_do_harm_is_replaced(client, world, given):
    with world.engines[ONE].doing() as seen:
        asked = {"model": "recorded"}
        answer = client.post(CHAT, json=asked, headers=[("X-Request-Id", given.encode())])
    [(_, headers, _)] = seen
    assert len(headers["X-Request-Id"]) == 32
    assert answer.headers["X-Request-Id"] == headers["X-Request-Id"]


def test_a_tenant_sees_its_models_and_no_others(gateway):
    with gateway.client(gateway.keys["default"]) as client:
        answer = client.get("/v1/models")
    model = {"id": "default", "object": "model", "created": 0, "owned_by": "deepseek-blueprint"}
    assert (answer.status_code, answer.json()) == (200, {"object": "list", "data": [model]})


def test_an_engine_that_refuses_the_connection_is_passed_over(client):
    assert [engine_of(client, "half") for _ in range(20)] == ["127.0.0.15"] * 20


def test_a_request_that_an_engine_has_seen_goes_to_no_other(client, world):
    """That engine may be at work on it: a second one would be paid for the same prompt."""

    def hang_up(handler):
        handler.close_connection = True

    first, second = (world.engines[address] for address in PAIR)
    for _ in range(10):
        with first.doing(hang_up) as one, second.doing(hang_up) as two:
            answer = client.post(CHAT, json={"model": "pair", "messages": []})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_gateway")
        assert len(one) + len(two) == 1


def test_both_pods_of_a_server_work(client):
    assert {engine_of(client, "pair") for _ in range(40)} == set(PAIR)
