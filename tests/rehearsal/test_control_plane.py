"""Real control planes: they serve, keep apart, and leave nothing behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.problems import PlanError
from rehearsal import kubectl, nodes, volumes
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
POOL = nodes.SimulatedPool(
    name="h200",
    nodes=2,
    gpus_per_node=8,
    gpu_resource="nvidia.com/gpu",
    labels={"node.kubernetes.io/instance-type": "p5en.48xlarge"},
    taint_key="nvidia.com/gpu",
)


@pytest.fixture(scope="module")
def plane(toolbox, tmp_path_factory):
    """Share one control plane among the tests that only ask it."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), toolbox, attached=True) as running:
        yield running


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


def wait(running, *arguments):
    kubectl.call(running.kubeconfig, "wait", *arguments, "--timeout=60s")


def test_it_serves_when_start_returns(plane):
    assert kubectl.call(plane.kubeconfig, "get", "--raw=/readyz") == "ok"
    assert get(plane, "serviceaccount", "default")["metadata"]["namespace"] == "default"
    assert get(plane, "storageclasses")["items"] == []
    assert len(processes_of(plane.state_dir)) == 1 + len(PROGRAMS)


def test_its_kubeconfig_is_private_and_complete(plane):
    assert stat.S_IMODE(plane.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(plane.state_dir.stat().st_mode) == 0o700
    written = yaml.safe_load(plane.kubeconfig.read_text())
    assert written["current-context"] == "rehearsal"
    assert written["clusters"][0]["cluster"]["server"] == plane.server
    assert written["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}


def test_etcd_refuses_who_has_no_certificate(plane):
    """Loopback is shared by every user of a machine; etcd holds every secret."""
    words = next(
        (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")
        for pid in processes_of(plane.state_dir)
        if "/etcd" in (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")[0]
    )
    [url] = [word.split("=")[1] for word in words if word.startswith("--listen-client-urls=")]
    ca = plane.state_dir / "pki/ca.crt"
    script = "import ssl, sys, urllib.request as u; u.urlopen(sys.argv[1], context="
    script += "ssl.create_default_context(cafile=sys.argv[2]))"
    asked = [sys.executable, "-c", script, f"{url}/health", ca]
    refused = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert "certificate required" in refused.stderr


def test_simulated_pools_are_ready_nodes_with_gpus_and_one_node_without(plane):
    nodes.register(plane.kubeconfig, [POOL])
    wait(plane, "--for=condition=Ready", "nodes", "--all")
    gpu, system = get(plane, "node", "h200-1"), get(plane, "node", "system-0")
    assert names(plane, "nodes") == {"h200-0", "h200-1", "system-0"}
    assert gpu["status"]["allocatable"] == {
        "cpu": "191",
        "memory": "1937332Mi",
        "pods": "198",
        "ephemeral-storage": "20Ti",
        "nvidia.com/gpu": "8",
    }
    assert gpu["spec"]["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
    assert (
        gpu["metadata"]["labels"].items()
        >= {
            "deepseek-blueprint/simulated": "true",
            "type": "kwok",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": "h200-1",
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": "p5en.48xlarge",
        }.items()
    )
    assert "nvidia.com/gpu" not in system["status"]["allocatable"]
    assert "taints" not in system["spec"]


def test_a_changed_pool_changes_the_nodes(plane):
    nodes.register(plane.kubeconfig, [POOL])
    wait(plane, "--for=condition=Ready", "nodes", "--all")
    fewer = {"name": "h200", "nodes": 1, "gpus_per_node": 4, "labels": {}, "taint_key": None}
    changed = nodes.SimulatedPool(**fewer, gpu_resource="nvidia.com/gpu")
    nodes.register(plane.kubeconfig, [changed])
    assert until(lambda: names(plane, "nodes") == {"h200-0", "system-0"}, 30)
    node = get(plane, "node", "h200-0")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert "taints" not in node["spec"]
    assert "node.kubernetes.io/instance-type" not in node["metadata"]["labels"]


def pod(name, gpus):
    limits = {"nvidia.com/gpu": gpus}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "containers": [{"name": "engine", "image": "x", "resources": {"limits": limits}}],
        },
    }


def test_the_real_scheduler_counts_simulated_gpus(plane):
    nodes.register(plane.kubeconfig, [POOL])
    wait(plane, "--for=condition=Ready", "nodes", "--all")
    kubectl.apply(plane.kubeconfig, [pod(f"gpu-{number}", "8") for number in range(3)])
    assert until(lambda: phases(plane) == ["Pending", "Running", "Running"], 30), phases(plane)
    [waiting] = [p for p in get(plane, "pods")["items"] if p["status"]["phase"] == "Pending"]
    assert "3 Insufficient nvidia.com/gpu" in waiting["status"]["conditions"][0]["message"]
    kubectl.call(plane.kubeconfig, "delete", "pods", "--all", "--grace-period=0")


def phases(running):
    return sorted(item["status"]["phase"] for item in get(running, "pods")["items"])


def test_pod_security_is_enforced_where_a_namespace_asks_for_it(plane):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    strict = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict"}}
    strict["metadata"]["labels"] = labels
    kubectl.apply(plane.kubeconfig, [strict])
    assert until(lambda: "default" in account_names(plane), 30)
    forbidden = pod("privileged", "1")
    forbidden["metadata"]["namespace"] = "strict"
    with pytest.raises(PlanError) as refused:
        kubectl.apply(plane.kubeconfig, [forbidden])
    assert 'violates PodSecurity "restricted:latest"' in str(refused.value)


def account_names(running):
    found = get(running, "serviceaccounts", "--namespace=strict")["items"]
    return {item["metadata"]["name"] for item in found}


def claim(name):
    resources = {"requests": {"storage": "700Gi"}}
    spec = {"storageClassName": "efs", "accessModes": ["ReadWriteMany"], "resources": resources}
    metadata = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def test_a_simulated_volume_binds_and_serves_again_after_its_claim_is_gone(plane):
    volume = volumes.SimulatedVolume(name="weights", storage_class="efs", size_gib=700)
    for name in ("first", "second"):
        volumes.provide(plane.kubeconfig, [volume])
        wait(plane, "--for=jsonpath={.status.phase}=Available", "pv/weights")
        kubectl.apply(plane.kubeconfig, [claim(name)])
        wait(plane, "--for=jsonpath={.status.phase}=Bound", f"pvc/{name}")
        volumes.provide(plane.kubeconfig, [volume])  # takes nothing from a claim that is there
        assert get(plane, "pv", "weights")["status"]["phase"] == "Bound"
        kubectl.call(plane.kubeconfig, "delete", f"pvc/{name}")
        wait(plane, "--for=jsonpath={.status.phase}=Released", "pv/weights")


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
    process.wait()
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
