"""Requests and settings that vLLM 0.32 refuses: the same status, type and words."""

import json

import pytest

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
HELLO = [{"role": "user", "content": "canary-prompt"}]
BAD, PYDANTIC = "BadRequestError", "Bad Request"
REFUSED = [
    ("{", PYDANTIC, "JSON decode error"),
    ("[]", PYDANTIC, "should be an object"),
    ({"messages": None}, PYDANTIC, "valid list"),
    ({"messages": ["hello"]}, PYDANTIC, "valid dictionary"),
    ({"messages": []}, BAD, "at least one message"),
    ({"max_tokens": "nine"}, PYDANTIC, "valid integer"),
    ({"max_tokens": 1.5}, PYDANTIC, "valid integer"),
    ({"temperature": "hot"}, PYDANTIC, "valid number"),
    ({"stream": "perhaps"}, PYDANTIC, "valid boolean"),
    ({"stop": [1]}, PYDANTIC, "valid string"),
    ({"priority": 2**63}, PYDANTIC, "64-bit"),
    ({"max_tokens": 0}, BAD, "max_tokens must be at least 1, got 0."),
    ({"max_tokens": 101}, BAD, "cannot be greater than"),
    ({"temperature": -1}, BAD, "temperature must be non-negative, got -1."),
    ({"temperature": 2.5}, BAD, "temperature must be in [0, 2], got 2.5."),
    ({"top_p": 0}, BAD, "top_p must be in (0, 1], got 0."),
    ({"top_k": -2}, BAD, "top_k must be 0 (disable), or at least 1, got -2."),
    ({"presence_penalty": 3}, BAD, "presence_penalty must be in [-2, 2], got 3."),
    ({"frequency_penalty": -3}, BAD, "frequency_penalty must be in [-2, 2], got -3."),
    ({"n": 0}, BAD, "n must be at least 1, got 0."),
    ({"n": 16385}, BAD, "n must be at most 16384, got 16385."),
    ({"n": 2, "temperature": 0}, BAD, "n must be 1 when using greedy sampling, got 2."),
    ({"min_tokens": 9, "max_tokens": 8}, BAD, "less than or equal to max_tokens=8, got 9."),
    ({"stop": ""}, BAD, "stop cannot contain an empty string."),
    ({"stream_options": {"include_usage": True}}, BAD, "Stream options can only be defined"),
    ({"top_logprobs": 2}, BAD, "`logprobs` must be set to true."),
    ({"tools": []}, BAD, "`tools` must not be an empty array."),
    ({"tool_choice": "auto"}, BAD, "When using `tool_choice`, `tools` must be set."),
    ({"response_format": {"type": "json_schema"}}, BAD, "field must be provided."),
    ({"continue_final_message": True}, BAD, "Cannot set both"),
    ({"messages": [{"role": "user", "content": "x" * 400}]}, BAD, "maximum context length is 100"),
]


@pytest.mark.parametrize(
    ("body", "kind", "says"), REFUSED, ids=lambda value: json.dumps(value)[:40]
)
def test_a_chat_is_refused_as_vllm_does(simulator, body, kind, says):
    text = body if isinstance(body, str) else json.dumps({"model": "r1", "messages": HELLO} | body)
    headers = {"Content-Type": "application/json"}
    answer = simulator.client.post(CHAT, content=text, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 400, kind)
    assert says in error["message"]
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, BAD),
        ({"prompt": ""}, BAD),
        ({"prompt": []}, BAD),
        ({"prompt": {"text": "x"}}, PYDANTIC),
        ({"prompt": ["x", 1]}, PYDANTIC),
        ({"prompt": "x" * 397}, BAD),
        ({"prompt": list(range(100))}, BAD),
    ],
)
def test_a_prompt_is_refused_as_vllm_does(simulator, body, kind):
    answer = simulator.client.post(COMPLETIONS, json={"model": "r1"} | body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, kind)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", CHAT, 405, "Method Not Allowed"),
        ("POST", "/health", 405, "Method Not Allowed"),
        ("POST", "/v1/nothing", 404, "Not Found"),
        ("GET", "/readyz", 404, "Not Found"),  # only the data parallel supervisor has it
        ("GET", "/load", 404, "Not Found"),  # only with --enable-server-load-tracking
    ],
)
def test_a_path_is_refused_as_vllm_does(simulator, method, path, status, kind):
    answer = simulator.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_another_model_is_not_found(simulator):
    answer = simulator.ask(model="r2")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFoundError")


def test_a_body_that_does_not_say_that_it_is_json_is_refused(simulator):
    answer = simulator.client.post(CHAT, content="{}", headers={"Content-Type": "text/plain"})
    assert "Only 'application/json' is allowed" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--no-such-flag",), "unrecognized arguments: --no-such-flag"),
        (("--conc=4",), "unrecognized arguments: --conc=4"),
        (("--face=sglang",), "invalid choice: 'sglang'"),
        (("--concurrency=0",), "--concurrency must be at least 1, got 0"),
        (("--context-tokens=many",), "invalid int value: 'many'"),
        (("--decode-tokens-per-second=0",), "--decode-tokens-per-second must be more than 0"),
        (("--drain-seconds=-1",), "--drain-seconds must not be negative"),
        (("--max-batched-tokens=8",), "(8) must be greater than or equal to --concurrency (16)"),
        (("--kv-cache-tokens=4095",), "(4096) is larger than the KV cache holds (4095)"),
        (("--port=8000", "--admin-port=8000"), "must differ"),
    ],
)
def test_settings_that_cannot_work_are_refused(refused, options, says):
    assert says in refused(*options)


def test_every_problem_of_the_settings_is_said_at_once(refused):
    said = refused("--concurrency=0", "--time-scale=0", "--startup-seconds=nan")
    assert [name in said for name in ("--concurrency", "--time-scale", "--startup")] == [True] * 3
