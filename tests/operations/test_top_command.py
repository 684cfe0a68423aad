"""`blueprint top` on real servers: one frame, alerts or why not, what does not answer, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import app

BLUEPRINT = Path(sys.executable).with_name("blueprint")
GAUGES = (
    'vllm:num_requests_running{{engine="0"}} {0}\nvllm:num_requests_waiting{{engine="0"}} 1\n'
    '# TYPE vllm:generation_tokens counter\nvllm:generation_tokens_total{{engine="0"}} {0}\n'
)
ALERTS = {
    "/api/v1/alerts": {
        "data": {
            "alerts": [
                {
                    "labels": {"alertname": "CacheFull", "severity": "page"},
                    "annotations": {"summary": "the cache is [full]"},
                    "state": "firing",
                }
            ]
        }
    },
    "/api/v2/alerts": [{"labels": {"alertname": "CacheFull"}, "status": {"state": "active"}}],
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, text = self.server.answer(self.path.partition("?")[0], len(self.server.asked))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def engine_or_prometheus(path, count):
    if path == "/metrics":
        return 200, GAUGES.format(count)
    return 200, json.dumps(ALERTS[path])


@contextmanager
def serving(answer=engine_or_prometheus):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answer, server.asked = answer, []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def access(tmp_path):
    def write(*urls, **changes):
        path = tmp_path / "access.json"
        reasons = {"prometheus_url": "there is no monitoring"}
        document = {"schema": 1, "simulator_admin_urls": {"r1": urls}, "reasons": reasons}
        path.write_text(json.dumps(document | changes))
        return path

    return write


def top(path, *more):
    return CliRunner().invoke(
        app, ["top", "--access", str(path), "--once", "--interval-seconds", "0.2", *more]
    )


def words(done):
    return " ".join(done.output.split())


def test_one_frame_as_json_has_every_figure(access, server):
    done = top(access(server.url), "--json")
    told = json.loads(done.output)
    assert done.exit_code == 0
    assert (told["schema"], told["verdict"], told["window_seconds"]) == (1, "complete", 0.2)
    [row] = told["rows"]
    assert 1 < row.pop("output_tokens_per_second") <= 5  # one token, 0.2 s or more
    assert row == {
        "server": "r1",
        "url": server.url,
        "replicas": 1,
        "answering": 1,
        "running": 2,
        "waiting": 1,
        "kv_cache_share": None,
        "prompt_tokens_per_second": None,
        "ttft_p50_seconds": None,
        "ttft_p95_seconds": None,
        "problems": [],
    }
    assert (told["alerts"], told["no_alerts"]) == ([], "there is no monitoring")


def test_one_frame_as_text(access, server):
    done = top(access(server.url))
    assert done.exit_code == 0
    assert f"r1 {server.url} 2 1 –" in words(done)
    assert "alerts are not known: there is no monitoring" in words(done)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("prometheus_url", "CacheFull firing page the cache is [full]"),
        ("alertmanager_url", "CacheFull active none"),
    ],
)
def test_alerts_are_shown_from_either(access, server, name, shown):
    assert shown in words(top(access(server.url, **{name: server.url})))


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ((200, '{"data": {"alerts": []}}'), "no alerts"),
        ((200, "<html>"), "the answer is no list of alerts"),
        ((200, '{"data": {"alerts": [{}]}}'), "the answer is no list of alerts"),
        ((503, ""), "status 503"),
    ],
)
def test_alerts_that_cannot_be_read_say_why(access, server, answer, shown):
    with serving(lambda *_: answer) as prometheus:
        done = top(access(server.url, prometheus_url=prometheus.url))
    assert done.exit_code == 0
    assert shown in words(done)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((500, ""), "status 500"),
        ((200, "<html>"), "none of vLLM's metrics is there"),
        ((200, GAUGES.format(1) + "vllm:x{ oops"), "the exposition is broken"),
        ((200, GAUGES.format("NaN")), "vllm:num_requests_running is nan"),
        ((200, "#" * (4 * 2**20 + 1)), "more than 4 MiB"),
    ],
)
def test_an_engine_that_is_ill_is_told_beside_one_that_is_not(access, server, answer, problem):
    with serving(lambda *_: answer) as ill:
        done = top(access(server.url, ill.url))
    assert done.exit_code == 1
    assert problem in words(done)
    assert f"r1 {server.url} 2 1 –" in words(done)
    assert "Traceback" not in done.output


def test_an_engine_that_is_gone_is_counted_out(access, server):
    done = top(access(server.url, "http://127.0.0.1:1"))
    assert done.exit_code == 1
    assert "r1, 1 of 2 replicas 2 1 –" in words(done)
    assert "r1 http://127.0.0.1:1 connection refused Is the pod ready?" in words(done)


def test_no_access_file_and_no_engines_are_advice(access, tmp_path):
    for path, told in (
        (tmp_path / "no.json", "Run `make up` first"),
        (
            access(simulator_admin_urls=None, reasons={"simulator_admin_urls": "no pods run"}),
            "it is null: no pods run",
        ),
    ):
        done = top(path)
        assert done.exit_code == 2
        assert told in words(done)


@pytest.mark.medium
def test_the_live_view_goes_on_until_interrupted(access, server):
    terminal, inside = pty.openpty()
    command = [BLUEPRINT, "top", "--access", access(server.url), "--interval-seconds", "0.2"]
    done = subprocess.Popen(command, stdout=inside, stderr=subprocess.PIPE, stdin=inside)
    os.close(inside)
    seen = b""
    while seen.count(b"rates and times") < 3:
        seen += os.read(terminal, 65536)
    done.send_signal(signal.SIGINT)
    assert done.stderr.read() == b""
    assert done.wait(20) == 0
    assert b"Traceback" not in seen
    done.stderr.close()
    os.close(terminal)
