"""One node: its place in the cluster, its lease, its pods, and its loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime

import httpx

from .api import Api, ApiError, Json
from .events import now
from .network import Addresses, PodNetwork, own
from .pod import Pod, Surroundings, release

PLAYED = "deepseek-blueprint/node"  # annotation: "processes" asks the agent to be this node
PROCESSES = "processes"
POWER = "deepseek-blueprint/power"  # annotation: "off" is a machine that lost its power
OFF = "off"
LOGS_PORT = 10250
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_LEASE_SECONDS = 40
_RENEWED_EVERY_SECONDS = 3.0  # often, so that a drill may shorten the grace of the controllers
_OVER = ("Succeeded", "Failed")
_LOG = logging.getLogger(__name__)


class Machine:
    def __init__(self, name: str, addresses: Addresses, around: Surroundings) -> None:
        self.name, self._addresses, self._around = name, addresses, around
        self.address = addresses.node()
        self.pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def boot(self) -> None:
        """Join the cluster; called again after a loss."""
        await own(self.address)
        status = {"status": node_status(self.name, self.address, now())}
        await self._around.api.merge(f"/api/v1/nodes/{self.name}/status", status)
        self._go(self._keep_lease())

    def see(self, obj: Json) -> None:
        """Take notice of a pod that is bound here."""
        uid, metadata = obj["metadata"]["uid"], obj["metadata"]
        pod = self.pods.get(uid)
        if "deletionTimestamp" in metadata:
            grace = metadata.get("deletionGracePeriodSeconds", 0)
            if pod is None:
                self._go(release(self._around.api, obj))
            elif pod.stopping:
                asyncio.get_running_loop().call_later(grace, pod.kill)
            else:
                pod.stopping = True
                self._go(self._end(pod, grace))
        elif pod is not None:
            pod.obj = obj
        elif obj.get("status", {}).get("phase") not in _OVER:
            address = self._addresses.pod(self.address)
            self.pods[uid] = Pod(obj, self.name, PodNetwork(self.address, address), self._around)
            self.pods[uid].start()

    def miss(self, uid: str) -> None:
        """Take notice of a pod whose object is gone: nobody waits for its end any more."""
        if pod := self.pods.get(uid):
            pod.kill()
            if not pod.stopping:
                pod.stopping = True
                self._go(self._end(pod, 0))

    async def _end(self, pod: Pod, grace_seconds: float) -> None:
        await pod.stop(grace_seconds)
        self.pods.pop(pod.uid, None)
        self._addresses.free_pod(self.address, pod.address)

    async def lose(self) -> None:
        """Be gone, as a machine without power: no signal, no status, no lease."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        pods, self.pods = list(self.pods.values()), {}
        await asyncio.gather(*(pod.vanish() for pod in pods))
        for pod in pods:
            self._addresses.free_pod(self.address, pod.address)

    def forget(self) -> None:
        """Give the address back, after the loss of a node that is deleted."""
        self._addresses.free_node(self.address)

    def _go(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("node %s", self.name, exc_info=error)

    async def _keep_lease(self) -> None:
        while True:
            try:
                await renew(self._around.api, self.name)
            except (ApiError, httpx.HTTPError) as error:
                _LOG.info("lease of %s: %r", self.name, error)
            await asyncio.sleep(_RENEWED_EVERY_SECONDS)


async def renew(api: Api, name: str) -> None:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {
        "holderIdentity": name,
        "leaseDurationSeconds": _LEASE_SECONDS,
        "renewTime": moment,
    }
    await api.put(_LEASES, {"metadata": {"name": name}, "spec": spec})


def node_status(name: str, address: str, moment: str) -> Json:
    """Write what the agent says of a node; its capacity is said by who registered it."""
    ready = {
        "Ready": ("True", "pods are processes of this machine"),
        "MemoryPressure": ("False", ""),
        "DiskPressure": ("False", ""),
        "PIDPressure": ("False", ""),
    }
    return {
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": "ProcessAgent",
                "message": message,
                "lastHeartbeatTime": moment,
                "lastTransitionTime": moment,
            }
            for kind, (status, message) in ready.items()
        ],
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": LOGS_PORT}},
    }
