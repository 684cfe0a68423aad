"""The real CLI, provider and API server, through our environment and our language host."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from rehearsal import kubectl, nodes
from rehearsal.control_plane import TOOLS, ControlPlane
from rehearsal.tools import ensure

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]

PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
space = k8s.core.v1.Namespace("serving", metadata={"name": "serving"})
labels = {"app": "engine"}
gpus = {"limits": {"nvidia.com/gpu": "8"}}
container = {"name": "engine", "image": "engine:1", "resources": gpus}
k8s.apps.v1.Deployment(
    "engine",
    metadata={"name": "engine", "namespace": space.metadata["name"]},
    spec={
        "replicas": 2,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                "containers": [container],
            },
        },
    },
)
pulumi.export("greeting", config.require("greeting"))
pulumi.export("token", config.require_secret("token"))
"""
POOL = nodes.SimulatedPool(
    name="h200",
    nodes=2,
    gpus_per_node=8,
    gpu_resource="nvidia.com/gpu",
    labels={},
    taint_key="nvidia.com/gpu",
)


class Cli:
    def __init__(self, folder, toolbox, running):
        self.folder, self.running = folder, running
        state = folder / "state"
        state.mkdir()
        self.environment = {
            **os.environ,
            **toolbox.environment(folder / "home"),
            "KUBECONFIG": str(running.kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_GRPC": str(folder / "grpc.json"),
        }

    def write(self, program, virtualenv=sys.prefix):
        runtime = {"name": "python", "options": {"virtualenv": str(virtualenv)}}
        project = {"name": "demo", "runtime": runtime}
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))
        (self.folder / "__main__.py").write_text(program)

    def run(self, *arguments):
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *arguments):
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    """Provide a stack whose nodes are there and whose resources are not."""
    tools = ensure([*TOOLS, "kubectl", "pulumi", "pulumi-resource-kubernetes"], print)
    folder = tmp_path_factory.mktemp("project")
    with ControlPlane.start(folder / "plane", tools, attached=True) as running:
        nodes.register(running.kubeconfig, [POOL])
        made = Cli(folder, tools, running)
        made.write(PROGRAM)
        made.done("stack", "init", "dev")
        made.done("config", "set", "greeting", "hello")
        made.done("config", "set", "--secret", "token", "s3cret")
        yield made


def counted(output):
    said = re.findall(
        r"^ +[+-]? ?(\d+) (to create|created|unchanged|deleted)$", output, re.MULTILINE
    )
    return {what: int(number) for number, what in said}


def test_a_stack_is_created_found_unchanged_and_destroyed(cli):
    cli.write(PROGRAM)
    assert counted(cli.done("preview")) == {"to create": 3}
    assert counted(cli.done("up", "--yes", "--skip-preview")) == {"created": 3}
    pods = json.loads(
        kubectl.call(cli.running.kubeconfig, "get", "pods", "-nserving", "--output=json")
    )
    assert sorted(pod["spec"]["nodeName"] for pod in pods["items"]) == ["h200-0", "h200-1"]
    assert json.loads(cli.done("stack", "output", "--json")) == {
        "greeting": "hello",
        "token": "[secret]",
    }
    assert counted(cli.done("preview", "--expect-no-changes")) == {"unchanged": 3}
    assert counted(cli.done("destroy", "--yes", "--skip-preview")) == {"deleted": 3}


def test_the_plugins_leave_at_once(cli):
    """The engine waits 5 s for a plugin that ignores its SIGINT, twice per command."""
    cli.write("import pulumi\n")
    begun = time.monotonic()
    cli.done("preview")
    assert time.monotonic() - begun < 10


def test_no_warning_names_a_plugin_from_path(cli):
    cli.write("import pulumi\n")
    ended = cli.run("preview")
    assert "$PATH" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("import pulumi\nraise pulumi.RunError('the plan refuses')\n", "the plan refuses"),
        ("raise ValueError('unforeseen')\n", "ValueError: unforeseen"),
    ],
)
def test_a_program_that_fails_is_shown_with_its_own_words(cli, program, shown):
    cli.write(program)
    ended = cli.run("preview")
    assert ended.returncode != 0
    assert shown in ended.stdout
    assert "language_host.py" not in ended.stdout + ended.stderr


def test_a_missing_virtualenv_is_a_clear_error(cli):
    cli.write(PROGRAM, virtualenv="absent")
    ended = cli.run("preview")
    assert ended.returncode != 0
    assert "where no bin/python is; create it, or run `pulumi install`" in (
        ended.stdout + ended.stderr
    )
