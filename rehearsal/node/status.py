"""What a pod's status says, from the states of its containers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .api import Json

OURS = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


@dataclass(kw_only=True)
class ContainerState:
    """A container, as containerStatuses shows it."""

    name: str
    image: str
    restarts: int = 0
    number: int = 0  # of its process
    ready: bool = False
    started: bool = False
    state: Json = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last: Json = field(default_factory=dict)

    @property
    def exit_code(self) -> int | None:
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    def describe(self, *, is_init: bool = False) -> Json:
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.number else "",
            "containerID": f"process://{self.number}" if self.number else "",
            "ready": self.ready or (is_init and self.exit_code == 0),
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last,
        }


@dataclass(frozen=True, kw_only=True)
class PodState:
    """A pod, as its agent knows it."""

    host: str
    address: str | None  # None: it has no network yet
    started_at: str
    init: Sequence[ContainerState]
    main: Sequence[ContainerState]
    initialized: bool
    stopping: bool
    reason: str | None = None  # why it failed as a whole


def phase(pod: Json, state: PodState) -> str:
    policy = pod["spec"].get("restartPolicy", "Always")
    if state.reason is not None:
        return "Failed"
    final = state.stopping or policy != "Always"
    if not state.initialized:
        failed = any(each.exit_code for each in state.init)
        return "Failed" if failed and policy == "Never" else "Pending"
    codes = [each.exit_code for each in state.main]
    if final and all(code is not None for code in codes):
        return "Failed" if any(codes) else "Succeeded"
    return "Running"


def pod_status(pod: Json, state: PodState, moment: str) -> Json:
    """Write the status. Conditions of others stay; a changed one of ours changed at `moment`."""
    now_phase = phase(pod, state)
    described = {
        "phase": now_phase,
        "reason": state.reason,
        "observedGeneration": pod["metadata"].get("generation", 1),
        "conditions": _conditions(pod, state, now_phase, moment),
        "hostIP": state.host,
        "hostIPs": [{"ip": state.host}],
        "startTime": state.started_at,
        "qosClass": pod.get("status", {}).get("qosClass"),
        "initContainerStatuses": [each.describe(is_init=True) for each in state.init],
        "containerStatuses": [each.describe() for each in state.main],
    }
    if state.address is not None:
        described |= {"podIP": state.address, "podIPs": [{"ip": state.address}]}
    return described


def _conditions(pod: Json, state: PodState, now_phase: str, moment: str) -> list[Json]:
    before = {each["type"]: each for each in pod.get("status", {}).get("conditions", [])}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    unready = [each.name for each in state.main if not each.ready]
    over = now_phase in {"Succeeded", "Failed"}
    contained = state.initialized and not unready and not over
    met = all(before.get(gate, {}).get("status") == "True" for gate in gates)
    truths = (state.address is not None, state.initialized, contained, contained and met)
    reason = "PodCompleted" if now_phase == "Succeeded" else "ContainersNotReady"
    ours = []
    for kind, truth in zip(OURS, truths, strict=True):
        condition = {"type": kind, "status": str(truth), "lastTransitionTime": moment}
        if kind in before and before[kind]["status"] == str(truth):
            condition["lastTransitionTime"] = before[kind]["lastTransitionTime"]
        if not truth and kind in {"ContainersReady", "Ready"}:
            message = f"containers with unready status: [{' '.join(unready)}]"
            condition |= {"reason": reason, "message": message}
        ours.append(condition)
    return [each for kind, each in before.items() if kind not in OURS] + ours
