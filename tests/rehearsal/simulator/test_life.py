"""Start, drain, and the faults of the admin port."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.rehearsal.simulator.conftest import PROGRAM

SHUT = "cannot schedule new futures after shutdown"


@pytest.mark.medium
def test_at_sigterm_open_streams_finish_health_stays_and_new_requests_fail(start, until):
    simulator = start("--drain-seconds=30", "--decode-tokens-per-second=20")
    with simulator.stream(max_tokens=20) as lines:
        next(lines)
        simulator.process.send_signal(signal.SIGTERM)
        refused = until(lambda: (a := simulator.ask(max_tokens=1)).is_error and a)
        assert (refused.status_code, refused.json()["error"]["message"]) == (500, SHUT)
        assert simulator.client.get("/health").status_code == 200
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert simulator.process.wait(10) == 0


@pytest.mark.medium
def test_without_a_drain_open_streams_end_with_an_error_inside_their_200(start):
    simulator = start("--decode-tokens-per-second=5")
    with simulator.stream(max_tokens=90) as lines:
        next(lines)
        simulator.process.send_signal(signal.SIGTERM)
        *_, error, done = [line for line in lines if line]
    assert '"InternalServerError"' in error
    assert done == "data: [DONE]"
    assert simulator.process.wait(10) == 0


@pytest.mark.medium
def test_a_drain_that_takes_too_long_leaves_streams_hanging(start, until):
    """Measured at vLLM 0.32: no byte, no end, no new connection; the process stays."""
    simulator = start("--drain-seconds=0.3", "--decode-tokens-per-second=2")
    simulator.client.timeout = httpx.Timeout(10, read=1)
    with simulator.stream(max_tokens=90) as lines:
        next(lines)
        simulator.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(simulator.port))
        with pytest.raises(httpx.ReadTimeout):
            list(lines)
        assert simulator.process.poll() is None


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.medium
def test_nothing_listens_before_it_is_ready(until):
    """The admin port does, at once."""
    port, admin_port = free_port(), free_port()
    command = [sys.executable, PROGRAM, "--served-model-name=r1", "--startup-seconds=1"]
    ports = [f"--port={port}", f"--admin-port={admin_port}", "--host=127.0.0.1"]
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE) as process:
        until(lambda: not refuses(admin_port))
        assert refuses(port)
        process.stdout.readline()
        assert not refuses(port)
        process.kill()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_hung_engine_is_healthy_and_makes_nothing_until_it_is_let_go(start, until):
    simulator = start("--decode-tokens-per-second=1000")
    simulator.admin.patch("/faults", json={"hang": True})
    with simulator.stream(max_tokens=3) as lines:
        until(lambda: simulator.places() == [0, 1])
        assert simulator.client.get("/health").status_code == 200
        assert simulator.admin.delete("/faults").json()["faults"]["hang"] is False
        assert [line for line in lines if line][-1] == "data: [DONE]"


def test_a_frozen_one_answers_nothing_but_its_admin_port(start):
    simulator = start()
    simulator.admin.patch("/faults", json={"freeze": True})
    with pytest.raises(httpx.ReadTimeout):
        simulator.client.get("/health", timeout=0.2)
    simulator.admin.delete("/faults")
    assert simulator.client.get("/health").status_code == 200


def test_a_slow_one_takes_so_many_times_as_long(start):
    simulator = start("--decode-tokens-per-second=1000")
    simulator.admin.patch("/faults", json={"slow": 30})
    simulator.ask(max_tokens=5)
    assert simulator.metric("vllm:inter_token_latency_seconds_bucket", le="0.025") == 0
    assert simulator.metric("vllm:inter_token_latency_seconds_count") == 4


def test_errors_garbage_and_stale_metrics_come_and_go(start):
    simulator = start("--decode-tokens-per-second=1000")
    faults = {"error_rate": 1, "error_status": 502}
    simulator.admin.patch("/faults", json=faults)
    assert simulator.ask(max_tokens=1).status_code == 502
    simulator.admin.patch("/faults", json={"error_rate": 0, "nan": True, "stale_metrics": True})
    assert simulator.metric("vllm:generation_tokens_total") == 0
    assert simulator.ask(max_tokens=3).json()["choices"][0]["message"]["content"] == "!!!"
    assert simulator.metric("vllm:generation_tokens_total") == 0
    assert 'vllm:generation_tokens_total{engine="0",model_name="r1"} 3.0' in (
        simulator.admin.get("/metrics").text
    )
    simulator.admin.delete("/faults")
    assert simulator.metric("vllm:generation_tokens_total") == 3


def test_a_full_cache_lets_nothing_in(start, until):
    simulator = start("--decode-tokens-per-second=1000")
    simulator.admin.patch("/faults", json={"kv_full": True})
    with simulator.stream(max_tokens=2) as lines:
        until(lambda: simulator.places() == [0, 1])
        assert simulator.metric("vllm:kv_cache_usage_perc") == 1
        simulator.admin.delete("/faults")
        assert [line for line in lines if line][-1] == "data: [DONE]"


@pytest.mark.parametrize(("path", "code"), [("/crash", 3), ("/oom-kill", -signal.SIGKILL)])
def test_it_dies_when_it_is_told(start, path, code):
    simulator = start()
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.admin.post(path, json={"exit_code": 3})
    assert simulator.process.wait(10) == code


@pytest.mark.parametrize(
    "changes",
    [
        [],
        {"hung": True},
        {"hang": 1},
        {"slow": 0},
        {"slow": True},
        {"error_rate": 2},
        {"error_status": 404},
    ],
)
def test_a_fault_that_is_not_to_be_had_changes_nothing(simulator, changes):
    before = simulator.state()["faults"]
    answer = simulator.admin.patch("/faults", json=changes)
    assert answer.status_code == 400
    assert simulator.state()["faults"] == before


def test_clients_cannot_set_faults_where_they_are_served(simulator):
    assert simulator.client.patch("/faults", json={"hang": True}).status_code == 404
