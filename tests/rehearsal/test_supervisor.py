"""No process outlives its owner. The processes here are sleepers; the real ones come later."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import supervisor
from rehearsal.processes import is_locked, lock, until
from rehearsal.supervisor import Plan, Probe, Process
from tests.rehearsal.living import processes_of

pytestmark = [
    pytest.mark.medium,
    pytest.mark.skipif(sys.platform != "linux", reason="because only Linux has PR_SET_PDEATHSIG"),
]
ROOT = Path(__file__).parents[2]
SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w")
time.sleep(600)
"""


class Launcher:
    """Starts a supervisor in a folder, as `launch.py` does."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "log").mkdir()

    def start(self, *stages, ready_seconds=20.0):
        plan = Plan(run="r1", stages=stages, facts={"server": "s"}, ready_seconds=ready_seconds)
        with (self.folder / "log/supervisor.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "rehearsal.supervisor", self.folder],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.tie = process.stdin
        self.tie.write(plan.line())
        self.tie.flush()
        assert process.wait(timeout=20) == 0
        return self

    def state(self):
        path = self.folder / "state.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def await_status(self, status):
        assert until(lambda: self.state().get("status") == status, 20), self.state()
        return self.state()

    def is_gone(self):
        return not (is_locked(self.folder / "supervisor.lock") or self.has_processes())

    def has_processes(self):
        return is_locked(self.folder / "processes.lock")

    def running(self):
        return processes_of(self.folder)


@pytest.fixture
def launcher(tmp_path):
    made = Launcher(tmp_path)
    yield made
    made.tie.close()
    assert until(made.is_gone, 20)


def sleeper(launcher, name="sleeper", command=SLEEPER, **options):
    return Process(name=name, command=[*command, str(launcher.folder)], **options)


def test_it_is_ready_when_everything_runs_and_publishes_the_facts(launcher):
    launcher.start([sleeper(launcher, "one"), sleeper(launcher, "two")])
    state = launcher.await_status("ready")
    assert (state["run"], state["server"]) == ("r1", "s")
    assert len(launcher.running()) == 3


def test_a_stage_waits_for_the_probes_of_the_one_before(launcher):
    with socket.create_server(("127.0.0.1", 0)) as server:
        probe = Probe(host="127.0.0.1", port=server.getsockname()[1], path="/healthz")
        launcher.start([sleeper(launcher, "first", probe=probe)], [sleeper(launcher, "second")])
        connection, _ = server.accept()
        assert (launcher.folder / "log/first.log").exists()
        assert not (launcher.folder / "log/second.log").exists()
        with connection:
            assert connection.recv(1024).startswith(b"GET /healthz HTTP/1.1")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        launcher.await_status("ready")
    assert (launcher.folder / "log/second.log").exists()


def test_it_ends_when_its_launcher_closes_the_tie(launcher):
    launcher.start([sleeper(launcher)])
    launcher.await_status("ready")
    launcher.tie.close()
    assert launcher.await_status("ended")["reason"] == "the launcher is gone"
    assert until(launcher.is_gone, 10)
    assert launcher.running() == []


def test_a_detached_one_stays_until_it_is_asked_to_stop(launcher):
    launcher.start([sleeper(launcher)])
    state = launcher.await_status("ready")
    launcher.tie.write(supervisor.DETACH)
    launcher.tie.close()
    assert not until(lambda: launcher.state()["status"] == "ended", 0.5)
    os.kill(state["pid"], signal.SIGTERM)
    assert launcher.await_status("ended")["reason"] == "asked to stop"


def test_a_killed_supervisor_takes_its_processes_along(launcher):
    launcher.start([sleeper(launcher, "one"), sleeper(launcher, "two")])
    os.kill(launcher.await_status("ready")["pid"], signal.SIGKILL)
    assert until(launcher.is_gone, 5)
    assert until(lambda: launcher.running() == [], 5)


def test_one_end_is_the_end_of_all(launcher):
    launcher.start([sleeper(launcher, "one"), sleeper(launcher, "two")])
    launcher.await_status("ready")
    [victim] = [pid for pid in launcher.running() if pid != launcher.state()["pid"]][:1]
    os.kill(victim, signal.SIGKILL)
    assert launcher.await_status("ended")["reason"] in {
        "one ended with signal SIGKILL",
        "two ended with signal SIGKILL",
    }
    assert until(launcher.is_gone, 10)


def test_a_process_that_fails_at_once_is_named(launcher):
    failing = (sys.executable, "-c", "import sys; sys.exit(7)")
    with_probe = {"probe": Probe(host="127.0.0.1", port=1, path="/")}
    launcher.start([sleeper(launcher, "failing", failing, **with_probe)])
    assert launcher.await_status("ended")["reason"] == "failing ended with exit status 7"


def test_a_program_that_does_not_exist_is_named(launcher):
    launcher.start([sleeper(launcher), sleeper(launcher, "absent", ("/absent",))])
    reason = launcher.await_status("ended")["reason"]
    assert reason.startswith("absent cannot be started: ")
    assert until(launcher.is_gone, 10)


def test_one_that_never_gets_ready_is_named(launcher):
    probe = Probe(host="127.0.0.1", port=1, path="/")
    launcher.start([sleeper(launcher, probe=probe)], ready_seconds=0.3)
    assert launcher.await_status("ended")["reason"] == "sleeper is not ready in 0 s"


def test_one_that_ignores_sigterm_is_killed(launcher):
    marker = launcher.folder / "deaf"
    stubborn = Process(name="stubborn", command=[sys.executable, "-c", DEAF, str(marker)])
    launcher.start([stubborn])
    launcher.await_status("ready")
    assert until(marker.exists, 10)
    launcher.tie.close()
    assert until(launcher.is_gone, 15)
    log = (launcher.folder / "log/supervisor.log").read_text()
    assert "stubborn ignores SIGTERM; killed" in log


def test_a_second_supervisor_is_refused_while_one_lives(launcher):
    launcher.start([sleeper(launcher)])
    launcher.await_status("ready")
    second = subprocess.run(
        [sys.executable, "-m", "rehearsal.supervisor", launcher.folder],
        cwd=ROOT,
        input=Plan(run="r2", stages=[]).line(),
        capture_output=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.decode().strip() == (
        f"{launcher.folder} belongs to processes that still run"
    )
    assert launcher.state()["run"] == "r1"


def test_the_log_of_the_run_before_is_kept(launcher):
    (launcher.folder / "log/sleeper.log").write_text("what went wrong last time")
    launcher.start([sleeper(launcher)])
    launcher.await_status("ready")
    kept = launcher.folder / "log/sleeper.log.previous"
    assert kept.read_text() == "what went wrong last time"


def test_a_lock_is_seen_by_others_until_its_holder_ends(tmp_path):
    path = tmp_path / "lock"
    assert not is_locked(path)
    with lock(path):
        assert is_locked(path)
        assert lock(path) is None
    assert not is_locked(path)
