"""Probes, restarts and ends of pods, as a real API server sees them."""

from __future__ import annotations

import pytest

from tests.rehearsal.node.manifests import pod

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("pods"), pytest.mark.slow]


def test_a_pod_that_is_done_has_succeeded_or_failed(space):
    space.create(pod("good", "exit 0", more="restartPolicy: Never"))
    space.create(pod("bad", "exit 7", more="restartPolicy: Never"))

    space.phase("good", "Succeeded")
    space.phase("bad", "Failed")
    ended = space.container("bad")["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (7, "Error")


def test_a_container_that_ends_is_started_again_with_growing_waits(space, waiting):
    space.create(pod("crash", "date +%s.%N; exit 1"))

    waiting(lambda: space.container("crash").get("restartCount", 0) >= 3, "three restarts")

    for seconds in (1, 2):
        space.has_event("crash", "BackOff", f"back-off {seconds}s restarting")
    assert space.container("crash")["lastState"]["terminated"]["exitCode"] == 1


def test_a_failing_liveness_probe_restarts_the_container(space, waiting):
    probe = """livenessProbe:
        {exec: {command: [cat, /tmp/alive]}, periodSeconds: 1, failureThreshold: 2,
         terminationGracePeriodSeconds: 1}"""
    space.create(pod("sick", "touch /tmp/alive; sleep 1; rm /tmp/alive; sleep 60", container=probe))

    space.has_event("sick", "Killing", "failed liveness probe")
    waiting(lambda: space.container("sick")["restartCount"] == 1, "the restart")
    space.has_event("sick", "Unhealthy", "Liveness probe failed: command exited with 1")
    # The shell, number 1 of its own, has no handler for TERM: it took SIGKILL to end it.
    assert space.container("sick")["lastState"]["terminated"]["exitCode"] == 137


def test_a_startup_probe_holds_the_others_back_until_it_passes(space, waiting):
    asks = "exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1"
    probes = f"""startupProbe: {{{asks}, failureThreshold: 30}}
      livenessProbe: {{{asks}, failureThreshold: 1}}"""
    space.create(pod("slow", "sleep 4; touch /tmp/up; sleep 60", container=probes))

    waiting(lambda: "running" in space.container("slow").get("state", {}), "it to run")
    assert space.container("slow")["started"] is False
    space.ready("slow")
    assert space.container("slow")["restartCount"] == 0


def test_a_startup_probe_that_never_passes_kills_the_container(space):
    probe = "startupProbe: {tcpSocket: {port: 9}, periodSeconds: 1, failureThreshold: 2}"
    space.create(pod("never", "sleep 60", container=probe))

    space.has_event("never", "Killing", "failed startup probe")


def test_readiness_comes_and_goes_with_its_probe(space, waiting):
    probe = """readinessProbe:
        {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, failureThreshold: 2}"""
    script = "touch /tmp/ready; sleep 3; rm /tmp/ready; sleep 60"
    space.create(pod("moody", script, container=probe))

    space.ready("moody")
    waiting(lambda: not space.container("moody")["ready"], "it to be unready")
    assert space.container("moody")["restartCount"] == 0


def test_a_pod_gets_its_pre_stop_hook_then_its_signal(space, waiting):
    hook = "lifecycle: {preStop: {exec: {command: [sh, -c, 'echo hook >> /shared/order']}}}"
    more = "volumes: [{name: shared, persistentVolumeClaim: {claimName: shared}}]"
    mount = "volumeMounts: [{name: shared, mountPath: /shared}]"
    script = (
        "trap 'echo signal >> /shared/order; exit 0' TERM; echo up; while sleep 0.1; do :; done"
    )
    _claim(space)
    space.create(pod("polite", script, more=more, container=f"{hook}\n      {mount}"))
    space.log_says("polite", "up")

    space.delete("polite")

    waiting(lambda: space.find("polite") is None, "it to be gone")
    space.create(pod("reader", "cat /shared/order; sleep 60", more=more, container=mount))
    space.log_says("reader", "hook\nsignal\n")


def test_an_image_says_which_signal_stops_it(space, waiting):
    """The nginx image asks for QUIT, as the official one does: its streams are drained."""
    more = "volumes: [{name: shared, persistentVolumeClaim: {claimName: shared}}]"
    mount = "volumeMounts: [{name: shared, mountPath: /shared}]"
    script = "trap 'echo quit > /shared/order; exit 0' QUIT; echo up; while sleep 0.1; do :; done"
    _claim(space)
    space.create(pod("quits", script, more=more, container=mount, image="nginx:1.30.6"))
    space.log_says("quits", "up")

    space.delete("quits")

    waiting(lambda: space.find("quits") is None, "it to be gone")
    space.create(pod("reader", "cat /shared/order; sleep 60", more=more, container=mount))
    space.log_says("reader", "quit\n")


def test_who_ignores_the_signal_is_killed_when_the_grace_is_over(space, waiting):
    space.create(pod("deaf", "trap '' TERM; echo up; while sleep 0.1; do :; done"))
    space.log_says("deaf", "up")

    space.delete("deaf", gracePeriodSeconds=2)

    space.has_event("deaf", "ExceededGracePeriod")
    waiting(lambda: space.find("deaf") is None, "it to be gone")


def _claim(space):
    """Bind a claim by hand: this cluster has no provisioner."""
    name = f"{space.name}-shared"
    size, modes = {"storage": "1Gi"}, ["ReadWriteMany"]
    space.cluster.call(
        "POST",
        "/api/v1/persistentvolumes",
        {
            "metadata": {"name": name},
            "spec": {
                "capacity": size,
                "accessModes": modes,
                "storageClassName": "",
                "hostPath": {"path": "/nowhere"},
                "claimRef": {"namespace": space.name, "name": "shared"},
            },
        },
    )
    space.cluster.call(
        "POST",
        f"/api/v1/namespaces/{space.name}/persistentvolumeclaims",
        {
            "metadata": {"name": "shared"},
            "spec": {
                "accessModes": modes,
                "storageClassName": "",
                "volumeName": name,
                "resources": {"requests": size},
            },
        },
    )
