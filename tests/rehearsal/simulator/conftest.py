"""The engine simulator as a program, on ports of its own."""

import json
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

PROGRAM = Path(__file__).parents[3] / "rehearsal/engine/simulator.py"
CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "canary-prompt"}]  # 13 bytes: 4 tokens


class Simulator:
    def __init__(self, *options):
        command = [sys.executable, PROGRAM, "--host=127.0.0.1", "--port=0", "--admin-port=0"]
        model = ["--served-model-name=r1", "--served-model-name=r1-alias"]
        self.process = subprocess.Popen(
            [*command, *model, "--context-tokens=100", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.first_line = self.process.stdout.readline()
        self.port = int(self.first_line.split()[-1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=10)
        admin_port = int(self.first_line.split("admin: ")[1].split(")")[0])
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{admin_port}", timeout=10)

    def ask(self, path=CHAT, **body):
        return self.client.post(path, json={"model": "r1", "messages": HELLO} | body)

    @contextmanager
    def stream(self, **body):
        asked = {"model": "r1", "messages": HELLO, "stream": True} | body
        with self.client.stream("POST", CHAT, json=asked) as answer:
            yield answer.iter_lines()

    def state(self):
        return self.admin.get("/").json()

    def places(self):
        state = self.state()
        return [state["running"], state["waiting"]]

    def metric(self, name, **labels):
        """Add up the samples of this name that have these labels."""
        lines = [
            x for x in self.client.get("/metrics").text.splitlines() if x.startswith(f"{name}{{")
        ]
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(x.split()[-1]) for x in lines if all(label in x for label in wanted))

    def stop(self):
        self.client.close()
        self.admin.close()
        self.process.kill()
        rest, _ = self.process.communicate(timeout=10)
        return self.first_line + rest


@pytest.fixture(scope="session")
def simulator():
    """Ask it, and change nothing about it."""
    started = Simulator("--decode-tokens-per-second=1000")
    yield started
    started.stop()


@pytest.fixture
def start():
    """Start one for this test."""
    yield from started()


@pytest.fixture(scope="module")
def launch():
    """Start one for all tests of a file."""
    yield from started()


def started():
    with ExitStack() as running:

        def run(*options):
            simulator = Simulator(*options)
            running.callback(simulator.stop)
            return simulator

        yield run


@pytest.fixture(scope="session")
def refused():
    """Start one that refuses its settings; give what it says."""

    def run(*options):
        command = [sys.executable, PROGRAM, "--served-model-name=r1", "--port=0", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    return run


@pytest.fixture(scope="session")
def until():
    def wait(condition, seconds=10):
        pause = threading.Event()
        for _ in range(int(seconds / 0.02)):
            if found := condition():
                return found
            pause.wait(0.02)
        raise AssertionError(f"not so within {seconds} s")

    return wait


@pytest.fixture(scope="session")
def events():
    """Give the documents of a stream that ended as it should."""

    def read(lines):
        *found, done = [line.removeprefix("data: ") for line in lines if line]
        assert done == "[DONE]"
        return [json.loads(event) for event in found]

    return read
