"""The engine simulator as a program: what it refuses, how it streams, queues and stops."""

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

SIMULATOR = Path(__file__).parents[2] / "rehearsal/engine/simulator.py"
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
HELLO = [{"role": "user", "content": "canary-prompt"}]


def wait_until(condition, seconds=10):
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if found := condition():
            return found
        pause.wait(0.02)
    raise AssertionError(f"not so within {seconds} s")


class Simulator:
    def __init__(self, *options):
        command = [sys.executable, SIMULATOR, "--host=127.0.0.1", "--port=0"]
        model = ["--served-model-name=r1", "--served-model-name=r1-alias"]
        self.process = subprocess.Popen(
            [*command, *model, "--context-tokens=100", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.first_line = self.process.stdout.readline()
        self.port = int(self.first_line.split()[-1])
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def ask(self, path=CHAT, **body):
        return self.client.post(path, json={"model": "r1", "messages": HELLO} | body)

    @contextmanager
    def stream(self, **body):
        asked = {"model": "r1", "messages": HELLO, "stream": True} | body
        with self.client.stream("POST", CHAT, json=asked) as answer:
            yield answer.iter_lines()

    def gauges(self):
        lines = self.client.get("/metrics").text.splitlines()
        return [float(line.split()[1]) for line in lines]  # running, waiting

    def stop(self):
        self.client.close()
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=10)
        return self.first_line + rest


@pytest.fixture(scope="module")
def simulator():
    started = Simulator("--tokens-per-second=1000")
    yield started
    started.stop()


@pytest.fixture
def start():
    with ExitStack() as running:

        def run(*options):
            started = Simulator(*options)
            running.callback(started.stop)
            return started

        yield run


def events(lines):
    return [line.removeprefix("data: ") for line in lines if line]


@pytest.mark.parametrize(
    ("path", "content", "status", "kind"),
    [
        (CHAT, "{", 400, "BadRequestError"),
        (CHAT, "[]", 400, "BadRequestError"),
        (CHAT, {"model": "r2", "messages": HELLO}, 404, "NotFoundError"),
        (CHAT, {"model": "r1"}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": []}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": ["hello"]}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "max_tokens": 0}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "max_tokens": "9"}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "max_tokens": 97}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "temperature": -1}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "top_p": 0}, 400, "BadRequestError"),
        (CHAT, {"model": "r1", "messages": HELLO, "n": 0}, 400, "BadRequestError"),
        (
            CHAT,
            {"model": "r1", "messages": HELLO, "stream_options": {"include_usage": True}},
            400,
            "BadRequestError",
        ),
        (COMPLETIONS, {"model": "r1"}, 400, "BadRequestError"),
        (COMPLETIONS, {"model": "r1", "prompt": "x" * 401}, 400, "BadRequestError"),
        (COMPLETIONS, {"model": "r1", "prompt": list(range(101))}, 400, "BadRequestError"),
        ("/v1/nothing", {}, 404, "NotFoundError"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else str(value),
)
def test_it_refuses_what_vllm_refuses(simulator, path, content, status, kind):
    text = content if isinstance(content, str) else json.dumps(content)
    answer = simulator.client.post(path, content=text)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, status, kind)
    assert "canary" not in answer.text


def test_a_get_of_a_path_for_post_is_refused(simulator):
    answer = simulator.client.get(CHAT)
    assert (answer.status_code, answer.json()["error"]["type"]) == (405, "MethodNotAllowedError")


def test_the_longest_answer_that_fits_is_given(simulator):
    """13 bytes of prompt are 4 tokens: 96 remain of 100."""
    usage = simulator.ask(max_tokens=96).json()["usage"]
    assert usage == {"prompt_tokens": 4, "completion_tokens": 96, "total_tokens": 100}


def test_an_answer_says_that_it_is_simulated(simulator):
    answer = simulator.ask(model="r1-alias", max_tokens=6).json()
    assert (answer["object"], answer["model"]) == ("chat.completion", "r1-alias")
    assert answer["system_fingerprint"] == "simulator"
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "The simulator computes nothing. 模拟"
    assert choice["finish_reason"] == "length"


def test_a_stream_has_a_chunk_for_each_token_then_usage_then_done(simulator):
    with simulator.stream(max_tokens=5) as lines:
        *chunks, done = events(lines)
    assert done == "[DONE]"
    *tokens, last, usage = [json.loads(chunk) for chunk in chunks]
    assert [t["choices"][0]["delta"]["content"] for t in tokens] == [
        "The ",
        "simulator ",
        "computes ",
        "nothing. ",
        "模",
    ]
    assert last["choices"][0]["finish_reason"] == "length"
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 5)
    assert {chunk["system_fingerprint"] for chunk in (*tokens, last, usage)} == {"simulator"}


def test_completions_answer_text_for_each_choice(simulator):
    answer = simulator.client.post(
        COMPLETIONS, json={"prompt": "x", "max_tokens": 2, "n": 2}
    ).json()
    assert (answer["object"], answer["model"]) == ("text_completion", "r1")
    assert [choice["text"] for choice in answer["choices"]] == ["The simulator "] * 2
    assert answer["usage"]["completion_tokens"] == 4


def test_models_and_metrics_have_the_names_of_vllm(simulator):
    models = simulator.client.get("/v1/models").json()["data"]
    assert [(m["id"], m["max_model_len"]) for m in models] == [("r1", 100), ("r1-alias", 100)]
    assert simulator.client.get("/metrics").text == (
        'vllm:num_requests_running{engine="0",model_name="r1"} 0.0\n'
        'vllm:num_requests_waiting{engine="0",model_name="r1"} 0.0\n'
    )


@pytest.mark.medium
def test_who_finds_no_place_waits_and_who_leaves_makes_room(start):
    simulator = start("--concurrency=1", "--tokens-per-second=2")
    with simulator.stream(max_tokens=90) as first:
        next(first)
        body = json.dumps({"model": "r1", "messages": HELLO}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", simulator.port)) as second:
            second.sendall(head.encode() + body)
            wait_until(lambda: simulator.gauges() == [1, 1])
        wait_until(lambda: simulator.gauges() == [1, 0])  # it left the queue
    wait_until(lambda: simulator.gauges() == [0, 0])  # and this one its place


@pytest.mark.medium
def test_at_sigterm_open_streams_finish_health_stays_and_new_requests_fail(start):
    simulator = start("--drain-seconds=30", "--tokens-per-second=20")
    with simulator.stream(max_tokens=20) as lines:
        next(lines)
        simulator.process.send_signal(signal.SIGTERM)
        refused = wait_until(lambda: (a := simulator.ask(max_tokens=1)).is_error and a)
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            500,
            "cannot schedule new futures after shutdown",
        )
        assert simulator.client.get("/health").status_code == 200
        assert events(lines)[-1] == "[DONE]"
    assert simulator.process.wait(10) == 0


@pytest.mark.medium
def test_a_drain_that_takes_too_long_is_given_up(start):
    simulator = start("--drain-seconds=0.2", "--tokens-per-second=1")
    with simulator.stream(max_tokens=90) as lines:
        next(lines)
        simulator.process.send_signal(signal.SIGTERM)
        assert simulator.process.wait(10) == 0
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)


@pytest.mark.medium
def test_it_prints_no_prompt_whatever_happens():
    simulator = Simulator()
    simulator.ask(max_tokens=1)
    simulator.ask(model="r2")
    simulator.client.post(CHAT, content='{"canary-prompt')
    with socket.create_connection(("127.0.0.1", simulator.port)) as broken:
        broken.sendall(b"POST /canary-prompt HTTP/1.1\r\nContent-Length: many\r\n\r\ncanary-prompt")
        broken.shutdown(socket.SHUT_WR)
        broken.recv(1000)
    said = simulator.stop()
    assert said.startswith("simulator: listening on port ")
    assert "canary-prompt" not in said
