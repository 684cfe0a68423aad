"""Real control planes: they serve, keep apart, and leave nothing behind."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.problems import PlanError
from rehearsal import kubectl, nodes, volumes
from rehearsal.processes import until
from tests.rehearsal.living import processes_of

# The first test on a machine waits for the builds: a quarter of an hour on two cores.
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

POOL = nodes.SimulatedPool(
    name="h200",
    nodes=2,
    gpus_per_node=8,
    gpu_resource="nvidia.com/gpu",
    labels={"node.kubernetes.io/instance-type": "p5en.48xlarge"},
    taint_key="nvidia.com/gpu",
)


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
