import asyncio
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from rehearsal.node.probes import Verdict, attempt, port_number

CONTAINER = {"ports": [{"name": "http", "containerPort": 8000}]}


def heard(probe, attempts):
    """Take attempts in, + for a good one; ! where enough of one kind were in a row."""
    verdict = Verdict.of(probe)
    return "".join("!" if verdict.hear(good=each == "+") else "." for each in attempts)


def test_one_success_and_three_failures_are_enough_by_default():
    assert heard({}, "+---") == "!..!"


def test_a_success_between_failures_starts_the_count_again():
    assert heard({"failureThreshold": 2}, "-+--") == ".!.!"


def test_more_successes_can_be_asked_for():
    assert heard({"successThreshold": 3}, "++++") == "..!!"


def test_a_port_may_be_a_number_a_text_or_a_name():
    assert [port_number(p, CONTAINER) for p in (80, "81", "http")] == [80, 81, 8000]
    with pytest.raises(ValueError, match="no port metrics"):
        port_number("metrics", CONTAINER)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def port():
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def tried(probe, execute=None):
    return asyncio.run(attempt(probe, "127.0.0.1", CONTAINER, execute))


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (404, False), (503, False)])
def test_an_http_probe_goes_by_the_status(port, status, good):
    complaint = tried({"httpGet": {"path": f"/{status}", "port": port}})
    assert (complaint is None) == good


def test_a_closed_port_fails_both_kinds(port):
    assert tried({"tcpSocket": {"port": port}}) is None
    assert "Connect call failed" in tried({"tcpSocket": {"port": 9}})
    assert "Connect call failed" in tried({"httpGet": {"path": "/", "port": 9}})


def test_an_answer_that_is_late_is_a_failure():
    async def slow(_argv, _seconds):
        await asyncio.Event().wait()

    complaint = tried({"exec": {"command": ["x"]}, "timeoutSeconds": 0.05}, slow)
    assert complaint == "no answer within 0.05 s"


def test_an_unknown_kind_of_probe_fails_and_says_so():
    assert tried({"grpc": {"port": 1}}) == "pods as processes have no grpc"
