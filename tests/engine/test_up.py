"""`make up` and `make down` as people use them, in a folder of the test's own."""

import json
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("up")]


@pytest.fixture
def rehearsal(tmp_path):
    """Run `python -m rehearsal` on a folder; whatever a test leaves is taken down after it."""
    folder = tmp_path / "state"

    def command(verb, *arguments):
        return [sys.executable, "-m", "rehearsal", verb, "--folder", str(folder), *arguments]

    def run(verb, *arguments):
        return subprocess.run(
            command(verb, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
        )

    run.folder, run.command = folder, command
    yield run
    run("down")


def processes_of(folder):
    """Every process that names `folder` in its command or its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # it ended, or is not ours
        if str(folder).encode() in said:
            found.append(int(process.name))
    return found


def test_up_deploys_a_second_up_changes_nothing_and_down_leaves_nothing(rehearsal):
    first = rehearsal("up")
    assert (first.returncode, "Traceback" in first.stderr) == (0, False)
    assert "rehearsal is deployed" in first.stdout
    access = rehearsal.folder / "access.json"
    assert stat.S_IMODE(access.stat().st_mode) == 0o600
    before = json.loads(access.read_text("utf-8"))
    assert sorted(before["api_keys"]) == ["acme", "trial"]
    assert {name for name, value in before.items() if value is None} == set(before["reasons"])
    for key in before["api_keys"].values():
        assert key not in first.stdout + first.stderr

    second = rehearsal("up")
    assert second.returncode == 0
    resources = second.stdout.partition("Resources:")[2].partition("Duration")[0].split()
    assert resources[1:] == ["unchanged"]
    assert json.loads(access.read_text("utf-8"))["api_keys"] == before["api_keys"]

    assert rehearsal("down").returncode == 0
    assert not rehearsal.folder.exists()
    assert processes_of(rehearsal.folder) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_an_up_that_is_cut_off_leaves_no_process_and_the_next_one_converges(
    rehearsal, waiting, number, status
):
    cut = subprocess.Popen(
        rehearsal.command("up"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in cut.stdout:
        if "Namespace" in line:  # the engine is in the middle of it
            break
    cut.send_signal(number)
    cut.communicate()
    assert cut.returncode == status
    waiting(lambda: processes_of(rehearsal.folder) == [], "all processes to end")

    again = rehearsal("up")
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_taken_port_is_named_and_nothing_is_started(rehearsal):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = rehearsal("up", "--api-port", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "API_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_of(rehearsal.folder) == []


def test_down_where_nothing_is_up_says_so(rehearsal):
    done = rehearsal("down")
    assert (done.returncode, done.stdout.strip()) == (0, "nothing is up")


def test_a_stack_that_is_refused_starts_nothing(rehearsal):
    done = rehearsal("up", "--stack", "rehearsl")
    assert done.returncode == 1
    assert "Did you mean 'rehearsal'?" in " ".join(done.stderr.split())
    assert not rehearsal.folder.exists()
