import pytest

from rehearsal.node.status import ContainerState, PodState, phase, pod_status

ENDED = {"terminated": {"exitCode": 0}}
FAILED = {"terminated": {"exitCode": 1}}
RUNS = {"running": {}}
NEVER, ALWAYS = {"restartPolicy": "Never"}, {"restartPolicy": "Always"}


def container(state, **more):
    return ContainerState(name="main", image="i", state=state, **more)


def state(*main, init=(), initialized=True, stopping=False, reason=None, address="10.64.10.2"):
    return PodState(
        host="10.63.0.10",
        address=address,
        started_at="then",
        init=init,
        main=main,
        initialized=initialized,
        stopping=stopping,
        reason=reason,
    )


@pytest.mark.parametrize(
    ("spec", "of", "expected"),
    [
        (ALWAYS, state(container(RUNS), initialized=False), "Pending"),
        (NEVER, state(container({}), init=[container(FAILED)], initialized=False), "Failed"),
        (ALWAYS, state(container({}), init=[container(FAILED)], initialized=False), "Pending"),
        (ALWAYS, state(container(RUNS)), "Running"),
        (ALWAYS, state(container(FAILED)), "Running"),
        (NEVER, state(container(ENDED)), "Succeeded"),
        (NEVER, state(container(ENDED), container(FAILED)), "Failed"),
        (NEVER, state(container(ENDED), container(RUNS)), "Running"),
        (ALWAYS, state(container(ENDED), stopping=True), "Succeeded"),
        (ALWAYS, state(container(RUNS), reason="DeadlineExceeded"), "Failed"),
    ],
)
def test_the_phase_follows_from_containers_and_restart_policy(spec, of, expected):
    assert phase({"spec": spec}, of) == expected


def conditions(pod, of, moment="now"):
    return {c["type"]: c for c in pod_status(pod, of, moment)["conditions"]}


POD = {"metadata": {"generation": 3}, "spec": ALWAYS}


def test_a_pod_is_ready_when_all_its_containers_are():
    both = conditions(POD, state(container(RUNS, ready=True), container(RUNS, ready=False)))
    assert both["Ready"]["status"] == "False"
    assert both["Ready"]["message"] == "containers with unready status: [main]"
    assert conditions(POD, state(container(RUNS, ready=True)))["Ready"]["status"] == "True"


def test_a_condition_keeps_its_moment_until_it_changes():
    ready = state(container(RUNS, ready=True))
    pod = {**POD, "status": pod_status(POD, ready, "first")}
    assert conditions(pod, ready, "second")["Ready"]["lastTransitionTime"] == "first"
    unready = state(container(RUNS))
    assert conditions(pod, unready, "second")["Ready"]["lastTransitionTime"] == "second"


def test_conditions_of_others_stay_and_readiness_gates_count():
    gated = {
        **POD,
        "spec": {**ALWAYS, "readinessGates": [{"conditionType": "x/gate"}]},
        "status": {"conditions": [{"type": "x/gate", "status": "False"}]},
    }
    found = conditions(gated, state(container(RUNS, ready=True)))
    assert found["x/gate"] == {"type": "x/gate", "status": "False"}
    assert (found["ContainersReady"]["status"], found["Ready"]["status"]) == ("True", "False")


def test_a_pod_without_network_has_no_address_and_containers_show_their_last_run():
    crashed = container({"waiting": {}}, last=FAILED, restarts=2, number=7)
    status = pod_status(POD, state(crashed, address=None), "now")
    assert "podIP" not in status
    [shown] = status["containerStatuses"]
    assert (shown["restartCount"], shown["lastState"]) == (2, FAILED)
    assert (shown["containerID"], status["observedGeneration"]) == ("process://7", 3)
