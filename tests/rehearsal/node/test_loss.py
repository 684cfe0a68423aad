"""Nodes that are lost, and control planes that are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rehearsal import nodes
from rehearsal.control_plane import TOOLS, ControlPlane
from rehearsal.launch import read_state
from rehearsal.node import programs
from rehearsal.node.machine import OFF, POWER
from rehearsal.tools import ensure

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("pods"), pytest.mark.slow]

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: DoNotSchedule
          nodeTaintsPolicy: Honor
          labelSelector: {matchLabels: {app: web}}
      containers:
        - {name: main, image: busybox, command: [sh, -c, "exec sleep 600"]}
"""


def switch(cluster, node, power):
    note = {"metadata": {"annotations": {POWER: power}}}
    cluster.call("PATCH", f"/api/v1/nodes/{node}", note)


def ready_on(space):
    """Node of each pod that is ready and not being deleted → name of the pod."""
    pods = space.cluster.call("GET", space.path("Pod"))["items"]
    return {
        pod["spec"]["nodeName"]: pod["metadata"]["name"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(c["status"] == "True" for c in _conditions(pod, "Ready"))
    }


def _conditions(item, kind):
    return [c for c in item.get("status", {}).get("conditions", []) if c["type"] == kind]


def test_a_node_without_power_loses_its_pods_and_comes_back(space, waiting):
    cluster = space.cluster
    space.create(WEB)
    waiting(lambda: len(ready_on(space)) == 2, "a pod on each node")

    switch(cluster, "system-1", OFF)
    try:

        def is_lost():
            node = cluster.call("GET", "/api/v1/nodes/system-1")
            return _conditions(node, "Ready")[0]["status"] == "Unknown"

        waiting(is_lost, "the controllers to miss the node")
        pods = cluster.call("GET", space.path("Pod"))["items"]
        waiting(lambda: "system-1" not in ready_on(space), "its pod to count no more")
        assert len(pods) >= 2
    finally:
        switch(cluster, "system-1", None)

    waiting(lambda: set(ready_on(space)) == {"system-0", "system-1"}, "a pod on each node again")


def _alive(folder):
    """Processes that name the folder in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _namespaces():
    """Every network namespace that a process is in."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "ns/net").readlink())
        except OSError:
            continue
    return found


@pytest.fixture
def own(tmp_path):
    """Start a control plane with one running pod, that of DNS."""

    def start(**options):
        toolbox = ensure([*TOOLS, *programs.TOOLS, "kubectl"], print)
        running = ControlPlane.start(tmp_path, toolbox, runs_pods=True, **options)
        nodes.register(running.kubeconfig, [], runs_pods=True)
        return running

    yield start
    ControlPlane.stop(tmp_path)


def _dns_process(folder):
    """Find the process of the pod by the configuration that only pods see."""
    family = read_state(folder)["group"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.getpgid(int(process.name)) == family
            if inside and b"coredns" in (process / "cmdline").read_bytes().split(b"\0")[0]:
                return int(process.name)
        except OSError:
            continue
    return None


@pytest.mark.parametrize("victim", ["number 1", "agent"])
def test_a_killed_enclosure_leaves_no_process_and_starts_again(own, tmp_path, waiting, victim):
    running = own(attached=False)
    pod = waiting(lambda: _dns_process(tmp_path), "the pod of DNS")
    network = Path(f"/proc/{pod}/ns/net").readlink()
    number = read_state(tmp_path)["pid"]
    if victim == "agent":
        [number] = [n for n in _alive(tmp_path) if _is_agent(n)]

    os.kill(number, signal.SIGKILL)

    waiting(lambda: _alive(tmp_path) == [], "everything to be gone")
    waiting(lambda: network not in _namespaces(), "the network of the pod to be gone")
    assert not Path(f"/proc/{pod}").exists()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()

    again = own(attached=False)
    assert again.server == running.server
    waiting(lambda: _dns_process(tmp_path), "the pod of DNS, again")


def _is_agent(number):
    return b"rehearsal.node.agent" in Path(f"/proc/{number}/cmdline").read_bytes()
