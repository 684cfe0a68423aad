"""What clients see of an engine that breaks, through the gateway; faults come by the admin port."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from tests.rehearsal.node.deployed import QUESTION, kubectl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("pods")]


@pytest.fixture
def engines(up):
    """The admin ports of both engines; no fault outlasts a test."""
    with (
        httpx.Client(base_url=up["simulator_admin_urls"]["r1"][0], trust_env=False) as first,
        httpx.Client(base_url=up["simulator_admin_urls"]["r1"][1], trust_env=False) as second,
    ):
        yield first, second
        for engine in (first, second):
            engine.delete("/faults")


@pytest.fixture
def fresh(up, waiting):
    """Replace the first pod after the test, so that its restarts are no other test's."""
    yield
    kubectl(up, "-n", "deepseek-serving", "delete", "pod", "r1-0")
    waiting(lambda: container(up).get("ready"), "the first engine to be back")


def container(up):
    found = json.loads(kubectl(up, "-n", "deepseek-serving", "get", "pods", "r1-0", "-o", "json"))
    return (found["status"].get("containerStatuses") or [{}])[0]


@pytest.mark.usefixtures("fresh")
def test_while_an_engine_that_ran_out_of_memory_restarts_the_other_answers(
    up, client, engines, waiting
):
    with pytest.raises(httpx.TransportError):
        engines[0].post("/oom-kill")
    statuses = [client.post("/v1/chat/completions", json=QUESTION).status_code for _ in range(8)]
    assert statuses == [200] * 8
    ended = waiting(lambda: container(up).get("lastState", {}).get("terminated"), "its end")
    assert ended["exitCode"] == 137
    waiting(lambda: container(up)["ready"], "the engine to serve again")
    assert container(up)["restartCount"] == 1


def test_streams_of_engines_that_hang_go_on_when_they_do(client, engines, waiting):
    for engine in engines:
        assert engine.patch("/faults", json={"hang": True}).status_code == 200
    lines = []

    def read():
        with client.stream(
            "POST", "/v1/chat/completions", json={**QUESTION, "stream": True}
        ) as stream:
            lines.extend(line for line in stream.iter_lines() if line)

    reader = threading.Thread(target=read)
    reader.start()

    def taken():
        states = [engine.get("/").json() for engine in engines]
        return sum(state["running"] + state["waiting"] for state in states)

    waiting(taken, "an engine to have taken the request")
    assert lines == []
    for engine in engines:
        engine.delete("/faults")
    reader.join(timeout=30)
    assert lines[-1] == "data: [DONE]"


def test_errors_of_every_engine_reach_the_client_as_json(client, engines):
    for engine in engines:
        engine.patch("/faults", json={"error_rate": 1.0})
    answer = client.post("/v1/chat/completions", json=QUESTION)
    assert answer.status_code >= 500
    assert "error" in answer.json()
