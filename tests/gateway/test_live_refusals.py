"""Every refusal as a client sees it, from a real nginx."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateway.site import CHAT, MODULE, Site, wait_until

pytestmark = pytest.mark.gateway

MODELS = "/v1/models"
ASK = {"model": "recorded", "messages": [{"role": "user", "content": "你好"}]}
TRICKS = [
    "/metrics",
    "/v1/embeddings",
    "/v1/chat/completions/",
    "/V1/CHAT/COMPLETIONS",
    "//v1/chat/completions",
    "/v1//chat/completions",
    "/v1/../metrics",
    "/v1/chat/../chat/completions",
    "/metrics/..%2fv1/chat/completions",
    "/v1/chat%2Fcompletions",
    "/v1/chat/completion%73",
    "/v1/chat/completions%3f",
    "/v1/chat/completions;x=1",
    "/refuse/400",
]


def error_of(answer):
    """Check what all refusals have in common; answer the code."""
    assert answer.headers["Content-Type"] == "application/json"
    assert len(answer.headers["X-Request-Id"]) == 32
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["code"]


def raw_request(path, *headers, key="", body=b""):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    lines += [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="module")
def client(gateway):
    with gateway.client(gateway.keys["acme"]) as opened:
        yield opened


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b'{"model": ', 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"null", 400, "invalid_json"),
        (b"[" * 20_000, 400, "invalid_json"),
        (b'{"messages": []}', 400, "model_required"),
        (b'{"model": ["recorded"]}', 400, "model_required"),
        (b'{"model": ""}', 400, "model_required"),
        (b'{"model": "gpt-9"}', 404, "model_not_found"),
        (b'{"model": "RECORDED"}', 404, "model_not_found"),
        (b'{"model": "toString"}', 404, "model_not_found"),
        (b'{"model": "recorded", "model": "default"}', 403, "model_not_allowed"),
        (b'{"model": "default"}', 403, "model_not_allowed"),
        (b" " * 1_048_577, 413, "request_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_no_engine_should_see(client, content, status, code):
    answer = client.post(CHAT, content=content)
    assert (answer.status_code, error_of(answer)) == (status, code)
    assert "Retry-After" not in answer.headers


def test_a_chunked_body_is_measured_too(client):
    answer = client.post(CHAT, content=iter([b" " * 600_000] * 2))
    assert (answer.status_code, error_of(answer)) == (413, "request_too_large")


def test_a_deep_tool_schema_passes_where_quickjs_reads_it(client):
    """The wheel has the old njs engine alone, which stops at 32 levels."""
    body = b'{"model": "recorded", "tools": ' + b"[" * 60 + b"]" * 60 + b"}"
    assert client.post(CHAT, content=body).status_code == (200 if MODULE else 400)


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer  sk", "Bearer sk-test-unknown", "Basic eDp5"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", MODELS)])
def test_without_a_known_key_nobody_gets_further(gateway, given, method, path):
    with gateway.client(Authorization=given) as stranger:
        answer = stranger.request(method, path, json=ASK if method == "POST" else None)
    assert (answer.status_code, error_of(answer)) == (401, "invalid_api_key")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_two_authorization_headers_are_refused_whatever_they_say(gateway):
    header = f"Authorization: Bearer {gateway.keys['acme']}"
    head, _, body = gateway.exchange(raw_request(CHAT, header, header)).partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_request"


@pytest.mark.parametrize("path", TRICKS)
def test_what_is_not_on_the_list_word_for_word_is_nowhere(gateway, world, path):
    length = f"Content-Length: {len(json.dumps(ASK))}"
    request = raw_request(path, length, key=gateway.keys["acme"], body=json.dumps(ASK).encode())
    with world.engines["127.0.0.12"].doing() as seen:
        head, _, body = gateway.exchange(request).partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 404 ")
    assert json.loads(body)["error"]["code"] == "not_found"
    assert seen == []


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", MODELS])
def test_a_query_is_refused(client, path):
    answer = client.get(f"{path}?user=canary")
    assert (answer.status_code, error_of(answer)) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", CHAT, "POST"), ("DELETE", "/v1/completions", "POST"), ("POST", MODELS, "GET")],
)
def test_another_method_is_told_the_right_one(client, method, path, allowed):
    answer = client.request(method, path)
    assert (answer.status_code, error_of(answer)) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b"NONSENSE", 400, "bad_request"),
        (b"GET / HTTP/9.9\r\nHost: a", 400, "bad_request"),
        (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, 400, "bad_request"),
        (b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip", 400, "bad_request"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a", 414, "uri_too_long"),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close", 405, "method_not_allowed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_hardly_http_gets_json_all_the_same(gateway, request_line, status, code):
    head, _, body = gateway.exchange(request_line + b"\r\n\r\n").partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert json.loads(body)["error"]["code"] == code


@pytest.mark.medium
def test_a_body_that_stops_coming_ends_the_connection_without_an_answer(gateway):
    """Nginx has no 408 for it; docs of the template say why the script makes none."""
    request = raw_request(CHAT, "Content-Length: 9", key=gateway.keys["guest"], body=b"{")
    assert gateway.exchange(request) == ""
    last = wait_until(lambda: [line for line in gateway.log() if line["tenant"] == "guest"])[-1]
    assert (last["status"], last["bytes_out"]) == (408, 0)


@pytest.mark.parametrize(
    ("model", "status", "code", "seconds"),
    [("refusing", 502, "bad_gateway", "1"), ("nameless", 503, "no_engine", "2")],
)
def test_an_engine_that_is_not_there_can_be_tried_again(client, model, status, code, seconds):
    answer = client.post(CHAT, json=ASK | {"model": model})
    assert (answer.status_code, error_of(answer)) == (status, code)
    assert answer.headers.get_list("Retry-After") == [seconds]


@pytest.mark.medium
def test_an_engine_that_says_nothing_is_given_up(client, world):
    with world.engines["127.0.0.12"].doing(lambda handler: handler.client_left()):
        start = time.monotonic()
        answer = client.post(CHAT, json=ASK)
    assert 2 <= time.monotonic() - start < 4
    assert (answer.status_code, error_of(answer)) == (504, "timeout")
    assert answer.headers["Retry-After"] == "1"


def test_an_engines_own_refusal_passes_untouched(client, world):
    refusal = {"error": {"message": "queue is full", "code": 503}}
    with world.engines["127.0.0.12"].doing(lambda handler: handler.answer(503, refusal)):
        answer = client.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()) == (503, refusal)


@pytest.mark.parametrize(("days", "status"), [(-1, 401), (0, 200), (1, 200)])
def test_a_key_works_through_its_last_day(expiring, days, status):
    with expiring.client(expiring.by_day[days]) as holder:
        assert holder.get(MODELS).status_code == status


@pytest.fixture(scope="module")
def expiring(planned, tmp_path_factory):
    """A gateway whose script throws once a request is checked, and whose keys end around today."""
    site = Site(planned(), tmp_path_factory.mktemp("expiring"))
    script = site.folder / "config_dir/gateway.js"
    mark = "async function check(r) {"
    text = script.read_text("utf-8")
    assert text.count(mark) == 1
    script.write_text(text.replace(mark, f"{mark} throw new Error('canary');"), "utf-8")
    today = datetime.now(UTC).date()
    site.by_day = {
        days: site.issue("acme", (today + timedelta(days=days)).isoformat()) for days in (-1, 0, 1)
    }
    yield site.start()
    site.stop()


@pytest.mark.parametrize("known", [True, False])
def test_an_exception_in_the_script_lets_nobody_through(expiring, known):
    with expiring.client(expiring.by_day[1] if known else None) as caller:
        answer = caller.post(CHAT, json=ASK | {"model": "deepseek-r1"})
    assert (answer.status_code, error_of(answer)) == (500, "internal_error")
    with suppress(FileNotFoundError):
        assert "canary" not in (expiring.folder / "error.log").read_text()
