"""A stack on a control plane of its own, driven by the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.problems import PlanError
from rehearsal.deploy import Rehearsal

KUBECTL = Path(sys.executable).with_name("kubectl")
DEADLINE_SECONDS = 120
POLL = 0.2


class Deployment:
    """One stack in a folder of the test's: what the engine says, and what the cluster has."""

    def __init__(self, folder, stack, change=lambda _: None):
        self.rehearsal = Rehearsal(folder, stack, report=print)
        self.rehearsal.workspace.prepare()
        self.change(change)
        self.running = self.rehearsal.start()
        self.rehearsal.simulate(self.running)
        self.cli = self.rehearsal.cli(self.running)
        self.keys = self.rehearsal.issue_secrets(self.cli)

    def change(self, change):
        """Edit the working copy of the spec."""
        spec = self.rehearsal.workspace.read_spec()
        change(spec)
        self.rehearsal.workspace.write_spec(spec)

    def up(self):
        return self.cli.call("up", "--yes", "--skip-preview")

    def preview(self):
        """Answer what the engine would do, as logical name → operation; `same` is left out."""
        steps = json.loads(self.cli.call("preview", "--json")).get("steps", [])
        return {
            step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"
        }

    def refusal(self, *arguments):
        """Run what has to fail; answer everything it said."""
        with pytest.raises(PlanError):
            self.cli.call(*arguments)
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", self.cli.stack, "--non-interactive"],
            cwd=self.cli.project,
            env=dict(self.cli.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    def state(self):
        """Logical names of all objects that the engine believes in."""
        deployment = json.loads(self.cli.call("stack", "export"))["deployment"]
        return sorted(
            resource["urn"].rpartition("::")[2]
            for resource in deployment.get("resources", [])
            if resource["type"].startswith("kubernetes:")
        )

    def kubectl(self, *arguments, stdin=None):
        command = [KUBECTL, "--kubeconfig", self.running.kubeconfig, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def objects(self, kind, namespace):
        return json.loads(
            self.kubectl("get", kind, "-n", namespace, "-o", "json", "--show-managed-fields")
        )["items"]


def wait_for(condition, what):
    """Poll until `condition` answers something true; fail with `what` after the deadline."""
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        pause(POLL)
    raise AssertionError(f"still waiting after {DEADLINE_SECONDS} s for {what}")


def pause(seconds):
    """Let the processes under test go on; a condition is asked again after it."""
    subprocess.run(["sleep", str(seconds)], check=True)


@pytest.fixture(scope="module")
def deploy(tmp_path_factory):
    """Start deployments; all of them end with the module."""
    started = []

    def start(stack, change=lambda _: None):
        deployment = Deployment(tmp_path_factory.mktemp("engine"), stack, change)
        started.append(deployment)
        return deployment

    yield start
    for deployment in started:
        deployment.running.stop()


@pytest.fixture(scope="session")
def waiting():
    return wait_for
