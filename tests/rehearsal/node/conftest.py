"""A cluster whose pods are processes of this machine, for all tests of a session."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from uuid import uuid4

import httpx
import pytest
import yaml

from rehearsal import nodes
from rehearsal.control_plane import TOOLS, ControlPlane
from rehearsal.node import needs, programs
from rehearsal.tools import ensure
from tests.rehearsal.node.deployed import ROOT

DEADLINE_SECONDS = 60
POLL_SECONDS = 0.1
# A node that is silent is found out soon, and its pods go at once.
SHORT = {
    "kube-controller-manager": ["--node-monitor-grace-period=10s", "--node-monitor-period=1s"],
    "kube-apiserver": [
        "--default-unreachable-toleration-seconds=1",
        "--default-not-ready-toleration-seconds=1",
    ],
    "node-agent": ["--backoff-seconds=1"],
}
COLLECTIONS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}


def wait_for(condition, what, seconds=DEADLINE_SECONDS):
    """Poll until `condition` answers something true; fail with `what` after the deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        threading.Event().wait(POLL_SECONDS)
    raise AssertionError(f"still waiting after {seconds} s for {what}")


class Cluster:
    """A control plane with two nodes that run pods, and a client of its API."""

    def __init__(self, folder):
        toolbox = ensure([*TOOLS, *programs.TOOLS, "kubectl"], print)
        self.running = ControlPlane.start(
            folder, toolbox, attached=True, runs_pods=True, arguments=SHORT
        )
        tls = ssl.create_default_context(cafile=folder / "pki/ca.crt")
        tls.load_cert_chain(folder / "pki/supervisor.crt")
        self.http = httpx.Client(base_url=self.running.server, verify=tls, trust_env=False)
        nodes.register(self.running.kubeconfig, [], runs_pods=True)

    def call(self, method, path, body=None, **query):
        kind = "merge-patch+json" if method == "PATCH" else "json"
        content = None if body is None else json.dumps(body)
        headers = {"content-type": f"application/{kind}"}
        answer = self.http.request(method, path, content=content, params=query, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


class Space:
    """A namespace of one test."""

    def __init__(self, cluster, labels=None):
        self.cluster, self.name = cluster, f"t-{uuid4().hex[:8]}"
        body = {"metadata": {"name": self.name, "labels": labels or {}}}
        cluster.call("POST", "/api/v1/namespaces", body)
        account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        wait_for(lambda: cluster.http.get(account).is_success, "the default service account")

    def path(self, kind, name=""):
        return COLLECTIONS[kind].format(self.name) + (f"/{name}" if name else "")

    def create(self, text):
        """Create what the YAML says; returns the name of the last object."""
        for item in yaml.safe_load_all(text):
            self.cluster.call("POST", self.path(item["kind"]), item)
        return item["metadata"]["name"]

    def patch(self, kind, name, body):
        return self.cluster.call("PATCH", self.path(kind, name), body)

    def delete(self, name, **options):
        return self.cluster.call("DELETE", self.path("Pod", name), options)

    def find(self, name, kind="Pod"):
        answer = self.cluster.http.get(self.path(kind, name))
        return answer.json() if answer.is_success else None

    def container(self, name, position=0, kind="containerStatuses"):
        return ((self.find(name) or {}).get("status", {}).get(kind) or [{}] * 9)[position]

    def log(self, name, **query):
        answer = self.cluster.http.get(f"{self.path('Pod', name)}/log", params=query)
        return answer.text if answer.is_success else ""

    def log_says(self, name, text):
        return wait_for(lambda: text in self.log(name), f"{text!r} in the log of {name}")

    def ready(self, name):
        def is_ready():
            conditions = (self.find(name) or {}).get("status", {}).get("conditions", [])
            return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

        wait_for(is_ready, f"{name} to be ready")
        return self.find(name)

    def phase(self, name, phase):
        wait_for(lambda: self.find(name)["status"]["phase"] == phase, f"{name} to be {phase}")
        return self.find(name)

    def events(self, name):
        path = f"/api/v1/namespaces/{self.name}/events"
        listed = self.cluster.call("GET", path, fieldSelector=f"involvedObject.name={name}")
        return [(event["reason"], event["message"]) for event in listed["items"]]

    def has_event(self, name, reason, text=""):
        def said():
            return [m for r, m in self.events(name) if r == reason and text in m]

        return wait_for(said, f"an event {reason} with {text!r} about {name}")[0]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if lacking := needs.lacking():
        pytest.skip(f"because {lacking.what}")
    made = Cluster(tmp_path_factory.mktemp("pods"))
    yield made
    made.http.close()
    made.running.stop()


@pytest.fixture(scope="session")
def up(tmp_path_factory):
    """Deploy the stack `rehearsal` into a folder; answer what `access.json` says, and more."""
    if lacking := needs.lacking():
        pytest.skip(f"because {lacking.what}")
    ensure(programs.IMAGE_TOOLS, print)  # what pods of tests run besides
    folder = tmp_path_factory.mktemp("up") / "state"

    def run(verb):
        command = [sys.executable, "-m", "rehearsal", verb, "--folder", str(folder)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    done = run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    access = json.loads((folder / "access.json").read_text("utf-8"))
    yield access | {"said": done.stdout, "folder": folder}
    assert run("down").returncode == 0
    assert not folder.exists()


@pytest.fixture(scope="session")
def client(up):
    """Ask the deployed gateway as its first tenant."""
    headers = {"Authorization": f"Bearer {up['api_keys']['acme']}"}
    tls = ssl.create_default_context(cafile=up["ca_file"])
    with httpx.Client(
        base_url=up["gateway_url"], verify=tls, headers=headers, trust_env=False, timeout=60
    ) as made:
        yield made


@pytest.fixture
def new_space(cluster):
    """Make namespaces; what runs in them ends with the test."""
    made = []

    def make(**labels):
        made.append(Space(cluster, labels))
        return made[-1]

    yield make
    for space in made:
        for item in cluster.call("GET", space.path("Pod"))["items"]:
            space.delete(item["metadata"]["name"], gracePeriodSeconds=0)
        cluster.call("DELETE", f"/api/v1/namespaces/{space.name}")


@pytest.fixture
def space(new_space):
    return new_space()


@pytest.fixture(scope="session")
def waiting():
    return wait_for
