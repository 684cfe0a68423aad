"""An engine that is none, as a process on loopback."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

PROGRAM = Path(__file__).with_name("fake_engine.py")


class FakeEngine:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def counts(self):
        """Read how many connections there were, this one included, and requests but for these."""
        headers = {"Authorization": "Bearer canary-key"}
        return httpx.get(f"{self.url}/v1/models", headers=headers).json()

    def wait_for_requests(self, times, seconds=20):
        deadline = time.monotonic() + seconds
        while self.counts()["requests"] < times:
            assert time.monotonic() < deadline

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def start_engine():
    """Start one with these arguments; it ends with the test."""
    started = []

    def start(*arguments):
        started.append(FakeEngine(*arguments))
        return started[-1]

    yield start
    for engine in started:
        engine.kill()


@pytest.fixture(scope="session")
def engine():
    """Share one that says a token every 2 ms."""
    engine = FakeEngine(0.002)
    yield engine
    engine.kill()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("canary-key\n")
    return path
