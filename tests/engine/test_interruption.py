"""What survives a killed engine, and updates where no GPU is free."""

import signal
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("interruption")]


def full(spec):
    """Two nodes, both full: two replicas of eight GPUs."""
    spec["pools"]["h200"] |= {"nodes": 2, "spare_nodes": 0}


@pytest.fixture(scope="module")
def deployment(deploy):
    return deploy("rehearsal", full)


@pytest.fixture(scope="module")
def undisturbed(deploy):
    """Stands in no killed engine's shadow."""
    return deploy("rehearsal", full)


def processes_of(folder):
    """Every process whose environment or command names `folder`: whoever works for it."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue  # it ended, or is not ours
    return found


def is_applied(entry):
    return entry["operation"] == "Apply"


def test_an_up_that_was_killed_converges_when_it_is_repeated(deployment, waiting):
    cli = deployment.cli
    before = set(processes_of(deployment.rehearsal.folder))
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", cli.stack, "--non-interactive"],
        cwd=cli.project,
        env=dict(cli.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waiting(
        lambda: "deepseek-serving" in deployment.kubectl("get", "namespaces", "-o", "name"),
        "the first objects of the first up",
    )
    engine.send_signal(signal.SIGKILL)
    assert engine.wait() == -signal.SIGKILL
    waiting(
        lambda: set(processes_of(deployment.rehearsal.folder)) <= before,
        "the plugins of the killed engine to end",
    )

    deployment.cli = deployment.rehearsal.cli(deployment.running)
    deployment.up()
    assert deployment.preview() == {}
    [pods] = deployment.objects("statefulset", "deepseek-serving")
    assert pods["status"]["readyReplicas"] == 2


def test_a_checkpoint_that_was_cut_off_is_mended(deployment):
    """What a killed engine leaves, once in a while: an empty file."""
    deployment.up()
    checkpoint = deployment.rehearsal.workspace.checkpoint
    checkpoint.write_bytes(b"")
    deployment.cli = deployment.rehearsal.cli(deployment.running)
    deployment.up()
    assert deployment.preview() == {}


def test_objects_that_no_checkpoint_knows_are_taken_over_and_changed(deployment):
    """As after a killed engine that had created them, and had not yet written that down."""
    deployment.up()
    workspace = deployment.rehearsal.workspace
    workspace.checkpoint.write_bytes(b"")
    workspace.checkpoint.with_name(f"{workspace.checkpoint.name}.bak").unlink()
    deployment.cli = deployment.rehearsal.cli(deployment.running)
    assert deployment.state() == []
    deployment.up()
    deployment.change(lambda spec: spec.update(tags={"owner": "second-engine"}))
    deployment.up()
    assert deployment.preview() == {}
    [pods] = deployment.objects("statefulset", "deepseek-serving")
    assert pods["metadata"]["labels"]["owner"] == "second-engine"
    kinds = "statefulsets,services,configmaps,networkpolicies,pvc,pdb"
    appliers = [
        [entry["manager"] for entry in item["metadata"]["managedFields"] if is_applied(entry)]
        for item in deployment.objects(kinds, "deepseek-serving")
        if item["metadata"]["name"] != "kube-root-ca.crt"  # the cluster's
    ]
    assert appliers == [["deepseek-blueprint-rehearsal"]] * len(appliers)


def test_an_update_completes_on_full_gpus(undisturbed):
    """How long it takes on GPUs kwok says nothing about."""
    deployment = undisturbed
    deployment.up()
    free = [
        node["metadata"]["name"]
        for node in deployment.objects("node", "default")
        if node["status"]["allocatable"].get("nvidia.com/gpu") == "8"
    ]
    on = {pod["spec"]["nodeName"] for pod in deployment.objects("pod", "deepseek-serving")}
    assert on == set(free)
    deployment.change(lambda spec: spec["servers"]["r1"].update(context_tokens=16384))
    deployment.up()
    [pods] = deployment.objects("statefulset", "deepseek-serving")
    assert pods["status"]["updatedReplicas"] == pods["status"]["readyReplicas"] == 2
    commands = {
        argument
        for pod in deployment.objects("pod", "deepseek-serving")
        for argument in pod["spec"]["containers"][0]["command"]
        if argument.startswith("--context-tokens")
    }
    assert commands == {"--context-tokens=16384"}


def test_what_the_api_server_defaults_to_hangs_there(undisturbed, waiting):
    """The same pods as a Deployment: its surge waits for GPUs that only the old pods could free."""
    deployment = undisturbed
    deployment.up()
    [pods] = deployment.objects("statefulset", "deepseek-serving")
    deployment.kubectl("-n", "deepseek-serving", "scale", "statefulset", "r1", "--replicas=0")
    naive = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "naive", "namespace": "deepseek-serving"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "naive"}},
            "template": {
                "metadata": {"labels": {"app": "naive"}},
                "spec": pods["spec"]["template"]["spec"],
            },
        },
    }

    def ready():
        [found] = deployment.objects("deployment", "deepseek-serving")
        return found["status"].get("readyReplicas") == 2

    def unschedulable():
        return [
            condition
            for pod in deployment.objects("pod", "deepseek-serving")
            for condition in pod["status"].get("conditions", ())
            if condition.get("reason") == "Unschedulable"
        ]

    deployment.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(naive))
    waiting(ready, "the naive Deployment on the freed GPUs")
    deployment.kubectl("-n", "deepseek-serving", "set", "env", "deployment/naive", "CHANGED=1")
    [condition] = waiting(unschedulable, "the surge pod to be refused by the scheduler")
    assert "Insufficient nvidia.com/gpu" in condition["message"]
    [found] = deployment.objects("deployment", "deepseek-serving")
    assert found["status"]["updatedReplicas"] == 1
    deployment.kubectl("-n", "deepseek-serving", "delete", "deployment", "naive")
