"""Every stack, from nothing to deployed, changed and gone, by the real engine.

Real: engine, provider, API server, scheduler, controllers. Simulated by kwok: nodes and pods, so
nothing here proves that nginx or vLLM start.
"""

import pytest

from components.blueprint.load import STACKS
from operations.render import render_manifests

NAMES = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in STACKS.glob("Pulumi.*.yaml"))
OURS = ("deepseek-gateway", "deepseek-serving")
pytestmark = [pytest.mark.engine, pytest.mark.slow]


def params():
    for name in NAMES:
        yield pytest.param(name, marks=pytest.mark.xdist_group(f"lifecycle-{name}"), id=name)


@pytest.mark.parametrize("stack", list(params()))
def test_a_stack_goes_up_changes_as_planned_and_leaves_nothing(stack, deploy):
    deployment = deploy(stack)
    assert set(deployment.preview().values()) == {"create"}

    deployment.up()
    check_available(deployment)
    check_dry_run(deployment)
    assert deployment.preview() == {}

    server = deployment.rehearsal.plan().servers[0].name
    deployment.change(lambda spec: spec["servers"][server].update(concurrency=7))
    expected = {f"{server}-pods": "update"} | {f"plan-{name}": "update" for name in OURS}
    assert deployment.preview() == expected
    deployment.up()
    check_available(deployment)
    [pods] = deployment.objects("statefulset", "deepseek-serving")
    command = pods["spec"]["template"]["spec"]["containers"][0]["command"]
    assert [argument for argument in command if argument.endswith("=7")] != []

    deployment.cli.call("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert deployment.preview() == {}

    deployment.cli.call("destroy", "--yes", "--skip-preview")
    assert deployment.state() == []
    assert not set(OURS) & set(deployment.kubectl("get", "namespaces", "-o", "name").split())
    left = deployment.kubectl("get", "persistentvolume", "-o", "name").split()
    assert [name for name in left if not name.startswith("persistentvolume/simulated-")] == []


def check_available(deployment):
    """Every workload has all its pods Ready, on the nodes that the plan chose."""
    plan = deployment.rehearsal.plan()
    [gateway] = deployment.objects("deployment", "deepseek-gateway")
    assert gateway["status"]["availableReplicas"] == plan.gateway.replicas
    found = {s["metadata"]["name"]: s for s in deployment.objects("statefulset", OURS[1])}
    assert set(found) == {server.name for server in plan.servers}
    for server in plan.servers:
        status = found[server.name]["status"]
        assert status["readyReplicas"] == status["updatedReplicas"] == server.replicas
    pools = {server.name: server.pool for server in plan.servers}
    for pod in deployment.objects("pod", OURS[1]):
        pool = pools[pod["metadata"]["labels"]["app.kubernetes.io/instance"]]
        assert pod["spec"]["nodeName"].rpartition("-")[0] == pool


def check_dry_run(deployment):
    """The API server accepts every object of the rendering, one answer each."""
    manifests = render_manifests(deployment.rehearsal.plan(), deployment.cli.stack)
    answers = deployment.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"),
        stdin="---\n".join(manifests.values()),
    )
    accepted = [line for line in answers.splitlines() if line.endswith("(server dry run)")]
    assert len(accepted) == len(manifests)
