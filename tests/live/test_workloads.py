"""What should run runs, all of it, and has not fallen over."""

from __future__ import annotations

from components.problems import Problem
from operations.verify.checks import require
from tests.live.conftest import named


def test_all_replicas_are_ready(workload, cluster, seen):
    namespace, kind, name = named(workload)
    found = cluster.find(kind, namespace, name)
    wanted, where = workload["spec"]["replicas"], f"{kind} {namespace}/{name}"
    if found is None:
        require([Problem(where, "it is not there", "Run `pulumi up` again.")])
    seen(f"{found['status'].get('readyReplicas', 0)} of {wanted} ready")
    require(_problems(where, wanted, found))


def _problems(where, wanted, found):
    status, asked = found["status"], found["spec"]["replicas"]
    if asked != wanted:
        fix = "Run `pulumi up --refresh`, or write the number that you want into the stack."
        yield Problem(where, f"it is told to have {asked} replicas, the plan says {wanted}", fix)
    elif found["metadata"]["generation"] != status.get("observedGeneration"):
        yield Problem(where, "its last change is not taken up yet", "Wait, then verify again.")
    elif (least := min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))) < wanted:
        what = f"{least} of {wanted} replicas are up to date and ready"
        fix = "`kubectl describe pod` of the others says what they wait for."
        yield Problem(where, what, fix)


def test_no_container_has_restarted(namespace, cluster, seen):
    pods = cluster.listed("Pod", namespace)
    seen(f"{len(pods)} pods")
    require(
        Problem(
            f"Pod {namespace}/{pod['metadata']['name']}, container {container['name']}",
            f"it restarted {container['restartCount']} times; the last end was {_end(container)}",
            "`kubectl logs --previous` has its last words.",
        )
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod["status"].get(kind, [])
        if container["restartCount"]
    )


def _end(container):
    ended = container.get("lastState", {}).get("terminated", {})
    return f"{ended.get('reason', 'unknown')}, exit code {ended.get('exitCode', 'unknown')}"
