"""How control planes end, and what else is there then."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import kubectl
from rehearsal.control_plane import ControlPlane, ControlPlaneError, find, stop
from rehearsal.processes import until
from tests.rehearsal.living import processes_of

# The first test on a machine waits for the builds: a quarter of an hour on two cores.
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

LAUNCHER = """
import sys
from pathlib import Path
from rehearsal.control_plane import ControlPlane
from rehearsal.tools import Toolbox
paths = {line.split("=", 1)[0]: Path(line.split("=", 1)[1]) for line in sys.argv[3:]}
running = ControlPlane.start(Path(sys.argv[1]), Toolbox(paths), attached=sys.argv[2] == "attached")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "state"
    stop(tmp_path / "state")


@pytest.fixture
def launch(toolbox, folder):
    """Start a launcher of its own, which tests may kill; it waits for a word on its input."""
    started = []

    def start(mode, *, ready=True):
        tools = [f"{name}={path}" for name, path in toolbox.paths.items()]
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, folder, mode, *tools],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert not ready or process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def get(running, *arguments):
    return json.loads(kubectl.call(running.kubeconfig, "get", *arguments, "--output=json"))


def names(running, kind):
    return {item["metadata"]["name"] for item in get(running, kind)["items"]}


def test_two_live_side_by_side(plane, toolbox, folder):
    with ControlPlane.start(folder, toolbox, attached=True, context="other") as second:
        assert second.server != plane.server
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}
        kubectl.apply(second.kubeconfig, [namespace])
        assert "mine" in names(second, "namespaces")
        assert "mine" not in names(plane, "namespaces")
    assert processes_of(folder) == []
    assert kubectl.call(plane.kubeconfig, "get", "--raw=/readyz") == "ok"


def test_a_detached_one_outlives_its_launcher_and_keeps_its_objects(launch, toolbox, folder):
    process = launch("detached")
    process.kill()
    process.wait()
    running = find(folder)
    assert ControlPlane.start(folder, toolbox, attached=True).server == running.server
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}}
    kubectl.apply(running.kubeconfig, [namespace])
    stop(folder)
    assert (processes_of(folder), find(folder)) == ([], None)
    stop(folder)  # once more is no mistake

    with ControlPlane.start(folder, toolbox, attached=True) as again:
        assert "kept" in names(again, "namespaces")
        assert again.server == running.server  # nobody took the port


def test_an_attached_one_that_is_let_go_stays(toolbox, folder):
    running = ControlPlane.start(folder, toolbox, attached=True)
    running.detach()
    assert kubectl.call(running.kubeconfig, "get", "--raw=/readyz") == "ok"
    assert find(folder).server == running.server


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_attached_one_ends_with_its_launcher(launch, folder, number):
    process = launch("attached")
    assert len(processes_of(folder)) == 2 + len(PROGRAMS)  # launcher and supervisor
    process.send_signal(number)
    process.wait(timeout=30)
    assert until(lambda: processes_of(folder) == [], 20), processes_of(folder)


@pytest.mark.parametrize("mode", ["attached", "detached"])
def test_a_start_that_is_cancelled_leaves_no_process(launch, folder, mode):
    process = launch(mode, ready=False)
    assert until(lambda: len(processes_of(folder)) >= 3, 30)  # etcd is the third
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) != 0
    assert until(lambda: processes_of(folder) == [], 20), processes_of(folder)


def test_a_killed_supervisor_leaves_no_process(toolbox, folder):
    running = ControlPlane.start(folder, toolbox, attached=False)
    os.kill(json.loads((folder / "state.json").read_text())["pid"], signal.SIGKILL)
    assert until(lambda: processes_of(folder) == [], 5), processes_of(folder)
    assert find(folder) is None
    running.stop()  # finds nothing to do


def test_a_killed_program_takes_the_others_along_and_is_named(toolbox, folder):
    with ControlPlane.start(folder, toolbox, attached=True):
        [victim] = [
            pid
            for pid in processes_of(folder)
            if Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0].endswith("/kube-scheduler")
        ]
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: processes_of(folder) == [], 20)
        reason = json.loads((folder / "state.json").read_text())["reason"]
        assert reason == "kube-scheduler ended with signal SIGKILL"


def test_a_requested_port_is_used(toolbox, folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with ControlPlane.start(folder, toolbox, attached=True, api_port=port) as running:
        assert running.server == f"https://127.0.0.1:{port}"
        with pytest.raises(ControlPlaneError) as refused:
            ControlPlane.start(folder, toolbox, attached=True, api_port=port + 1)
    [problem] = refused.value.problems
    assert problem.where == "API_PORT"
    assert problem.fix == "Unset API_PORT to use it, or stop it first (`make down`)."


def test_a_program_that_refuses_its_arguments_is_quoted(toolbox, folder):
    with pytest.raises(ControlPlaneError) as refused:
        ControlPlane.start(
            folder, toolbox, attached=True, arguments={"kube-scheduler": ["--no-such-flag"]}
        )
    [problem] = refused.value.problems
    assert problem.what.startswith("kube-scheduler ended with exit status 1; the end of its log:")
    assert "unknown flag: --no-such-flag" in problem.what
    assert processes_of(folder) == []
