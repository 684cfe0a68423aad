"""TGI's and Ollama's faces, by plain HTTP."""

import json

import pytest

from tests.rehearsal.simulator.conftest import HELLO

FAST = "--decode-tokens-per-second=1000"


@pytest.fixture(scope="module")
def tgi(launch):
    return launch("--face=tgi", FAST)


@pytest.fixture(scope="module")
def ollama(launch):
    return launch("--face=ollama", FAST)


def test_tgi_tells_what_it_is(tgi):
    info = tgi.client.get("/info").json()
    assert (info["model_id"], info["max_total_tokens"], info["router"]) == ("r1", 100, "simulator")
    assert [tgi.client.get(path).status_code for path in ("/health", "/ping")] == [200, 200]
    assert tgi.ask(max_tokens=1).json()["system_fingerprint"] == "simulator"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "Failed to deserialize"),
        ({"inputs": ""}, "`inputs` cannot be empty"),
        ({"inputs": "x", "parameters": {"max_new_tokens": 0}}, "must be strictly positive"),
        ({"inputs": "x", "parameters": {"temperature": 0}}, "must be strictly positive"),
        ({"inputs": "x", "parameters": {"top_p": 1.5}}, "`top_p` must be > 0.0 and < 1.0"),
        ({"inputs": "x", "parameters": {"max_new_tokens": 100}}, "must be <= 100"),
    ],
)
def test_tgi_refuses_with_a_type(tgi, body, says):
    answer = tgi.client.post("/generate", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "validation")
    assert says in answer.json()["error"]


def test_tgi_counts_under_its_own_names(launch):
    simulator = launch("--face=tgi", FAST)
    simulator.client.post(
        "/generate", json={"inputs": "x" * 8, "parameters": {"max_new_tokens": 3}}
    )
    text = simulator.client.get("/metrics").text
    assert "vllm:" not in text
    for line in (
        "tgi_request_count 1.0",
        "tgi_request_success 1.0",
        "tgi_queue_size 0.0",
        "tgi_request_input_length_sum 2.0",
        "tgi_request_generated_tokens_sum 3.0",
        "tgi_request_duration_count 1.0",
    ):
        assert line in text.splitlines()


@pytest.mark.medium
def test_tgi_is_overloaded_with_a_429(launch, until):
    simulator = launch("--face=tgi", "--max-queued-requests=1", "--decode-tokens-per-second=1")
    with simulator.stream(max_tokens=90):
        until(lambda: simulator.places() == [1, 0])
        answer = simulator.client.post("/generate", json={"inputs": "x"})
        assert (answer.status_code, answer.json()) == (
            429,
            {"error": "Model is overloaded", "error_type": "overloaded"},
        )


def test_ollama_tells_what_it_has_and_no_metrics(ollama):
    assert ollama.client.get("/").text == "Ollama is running"
    assert ollama.client.get("/api/version").json() == {"version": "0.33.0+simulator"}
    assert [m["name"] for m in ollama.client.get("/api/tags").json()["models"]] == [
        "r1",
        "r1-alias",
    ]
    assert ollama.client.get("/metrics").status_code == 404
    assert ollama.ask(max_tokens=1).json()["system_fingerprint"] == "simulator"


def test_ollama_streams_lines_unless_told_not_to(ollama):
    body = {"model": "r1", "messages": HELLO, "options": {"num_predict": 2}}
    lines = [json.loads(x) for x in ollama.client.post("/api/chat", json=body).text.splitlines()]
    assert [line["message"]["content"] for line in lines] == ["The ", "simulator ", ""]
    assert [line["done"] for line in lines] == [False, False, True]
    assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("length", 2)
    whole = ollama.client.post(
        "/api/generate", json={"model": "r1", "prompt": "x", "stream": False}
    )
    assert whole.json()["response"].startswith("The simulator computes nothing. ")
    assert (whole.json()["done_reason"], whole.json()["prompt_eval_count"]) == ("stop", 1)


def test_ollama_refuses_and_loads(ollama):
    assert ollama.client.post("/api/generate", json={"model": "r2"}).status_code == 404
    assert ollama.client.post("/api/generate", json={}).json() == {"error": "model is required"}
    assert ollama.client.post("/api/generate", json={"model": "r1"}).json()["done"] is True


@pytest.mark.medium
def test_ollama_is_busy_with_a_503(launch, until):
    simulator = launch("--face=ollama", "--max-queued-requests=1", "--decode-tokens-per-second=1")
    with simulator.stream(max_tokens=90):
        until(lambda: simulator.places() == [1, 0])
        answer = simulator.client.post("/api/generate", json={"model": "r1", "prompt": "x"})
        assert answer.status_code == 503
        assert "maximum pending requests exceeded" in answer.json()["error"]
