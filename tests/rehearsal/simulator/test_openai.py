"""What an OpenAI client gets: answers, streams, usage, reasoning."""

import json
import socket

import pytest

from tests.rehearsal.simulator.conftest import CHAT, HELLO

COMPLETIONS = "/v1/completions"


def complete(simulator, **body):
    return simulator.client.post(COMPLETIONS, json={"model": "r1"} | body).json()


def test_the_longest_answer_that_fits_is_given(simulator):
    """4 tokens of prompt leave 96 of 100: vLLM cuts what is asked down to them."""
    usage = simulator.ask(max_tokens=100).json()["usage"]
    assert usage == {"prompt_tokens": 4, "completion_tokens": 96, "total_tokens": 100}


def test_an_answer_says_that_it_is_simulated(simulator):
    answer = simulator.ask(model="r1-alias", max_tokens=6).json()
    assert (answer["object"], answer["model"]) == ("chat.completion", "r1-alias")
    assert answer["system_fingerprint"] == "simulator"
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "The simulator computes nothing. 模拟"
    assert choice["finish_reason"] == "length"


def test_an_answer_without_a_limit_ends_by_itself(simulator):
    answer = simulator.ask().json()
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 64


def test_a_stream_has_the_role_a_chunk_for_each_token_then_done(simulator, events):
    with simulator.stream(max_tokens=5) as lines:
        role, *tokens = events(lines)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [t["choices"][0]["delta"]["content"] for t in tokens] == [
        *("The ", "simulator ", "computes ", "nothing. ", "模")
    ]
    assert [t["choices"][0]["finish_reason"] for t in tokens] == [None] * 4 + ["length"]
    assert {chunk["system_fingerprint"] for chunk in (role, *tokens)} == {"simulator"}
    assert not any("usage" in chunk for chunk in (role, *tokens))


def test_usage_ends_a_stream_that_asks_for_it(simulator, events):
    with simulator.stream(max_tokens=5, stream_options={"include_usage": True}) as lines:
        *chunks, usage = events(lines)
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 5)
    assert not any("usage" in chunk for chunk in chunks)


def test_continuous_usage_counts_with_every_chunk(simulator, events):
    wanted = {"include_usage": True, "continuous_usage_stats": True}
    with simulator.stream(max_tokens=3, stream_options=wanted) as lines:
        chunks = events(lines)
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 3]


def test_usage_can_be_forced_upon_every_stream(start, events):
    simulator = start("--force-include-usage", "--decode-tokens-per-second=1000")
    with simulator.stream(max_tokens=2) as lines:
        assert events(lines)[-1]["usage"]["total_tokens"] == 6


def test_completions_take_texts_and_tokens_and_give_each_its_choices(simulator):
    texts = complete(simulator, prompt=["x", "yyyyy"], max_tokens=2, n=2)
    assert [choice["text"] for choice in texts["choices"]] == ["The simulator "] * 4
    assert [choice["index"] for choice in texts["choices"]] == [0, 1, 2, 3]
    assert texts["usage"] == {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}
    assert complete(simulator, prompt=[1, 2, 3], max_tokens=1)["usage"]["prompt_tokens"] == 3
    lists = complete(simulator, prompt=[[1, 2], [3]], max_tokens=1)
    assert (lists["object"], len(lists["choices"])) == ("text_completion", 2)


def test_echo_repeats_the_prompt(simulator):
    assert complete(simulator, prompt="你好, ", max_tokens=1, echo=True)["choices"][0]["text"] == (
        "你好, The "
    )


def test_two_choices_of_a_stream_are_told_apart(simulator, events):
    with simulator.stream(max_tokens=2, n=2) as lines:
        chunks = events(lines)
    said = [(c["choices"][0]["index"], c["choices"][0]["finish_reason"]) for c in chunks]
    assert sorted(said, key=str) == sorted(
        [(i, r) for i in (0, 1) for r in (None, None, "length")], key=str
    )


@pytest.mark.parametrize(
    ("stop", "text"), [("comp", "The simulator "), (["nothing", "zzz"], "The simulator computes ")]
)
def test_a_stop_string_ends_the_answer_before_it(simulator, stop, text):
    [choice] = complete(simulator, prompt="x", max_tokens=9, stop=stop)["choices"]
    assert (choice["text"], choice["finish_reason"]) == (text, "stop")
    assert choice["stop_reason"] in stop


def test_reasoning_has_a_field_of_its_own(start, events):
    simulator = start("--reasoning", "--decode-tokens-per-second=1000")
    message = simulator.ask(max_tokens=8).json()["choices"][0]["message"]
    assert (message["reasoning"], message["content"]) == (
        "It thinks nothing, 也",
        "The simulator computes nothing. ",
    )
    with simulator.stream(max_tokens=2) as lines:
        deltas = [event["choices"][0]["delta"] for event in events(lines)]
    assert deltas[1:] == [{"reasoning": "It "}, {"content": "The "}]


def test_the_request_id_of_the_caller_is_kept(simulator):
    body = {"model": "r1", "messages": HELLO, "max_tokens": 1}
    answer = simulator.client.post(CHAT, json=body, headers={"X-Request-Id": "mine"})
    assert answer.json()["id"] == "chatcmpl-mine"


def test_models_version_and_tokens_are_answered_as_vllm_does(simulator):
    models = simulator.client.get("/v1/models").json()["data"]
    assert [(m["id"], m["max_model_len"]) for m in models] == [("r1", 100), ("r1-alias", 100)]
    assert simulator.client.get("/version").json() == {"version": "0.32.0+simulator"}
    assert [simulator.client.get(p).status_code for p in ("/health", "/ping")] == [200, 200]
    found = simulator.client.post("/tokenize", json={"model": "r1", "prompt": "深度求索 ok"}).json()
    assert (found["count"], found["max_model_len"]) == (4, 100)
    text = simulator.client.post("/detokenize", json={"tokens": found["tokens"]}).json()
    assert text == {"prompt": "深度求索 ok"}


def test_a_body_in_chunks_is_read(simulator):
    def body():
        yield json.dumps({"model": "r1", "messages": HELLO}).encode()[:20]
        yield json.dumps({"model": "r1", "messages": HELLO}).encode()[20:]

    headers = {"Content-Type": "application/json"}
    assert simulator.client.post(CHAT, content=body(), headers=headers).status_code == 200


def test_it_prints_no_prompt_whatever_happens(start):
    simulator = start("--decode-tokens-per-second=1000")
    simulator.ask(max_tokens=1)
    simulator.ask(model="canary-prompt")
    simulator.client.post(CHAT, content='{"canary-prompt')
    simulator.admin.patch("/faults", content='{"canary-prompt"')
    with socket.create_connection(("127.0.0.1", simulator.port)) as broken:
        broken.sendall(b"POST /canary-prompt HTTP/1.1\r\nContent-Length: many\r\n\r\ncanary-prompt")
        broken.shutdown(socket.SHUT_WR)
        assert broken.recv(1000).startswith(b"HTTP/1.1 400 ")
    said = simulator.stop()
    assert said.startswith("simulator: vllm listening ")
    assert "canary-prompt" not in said
