"""The life of one pod: network, volumes, init containers, containers, status and end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from .api import Api, ApiError, Json
from .container import Container
from .downward import expand
from .environment import environment
from .events import Recorder, now
from .home import Home, host_name
from .images import Images
from .network import NetworkError, PodNetwork
from .sandbox import PATH, Launch
from .status import PodState, pod_status
from .tokens import Tokens
from .volumes import MissingError, Sources

_TOGETHER_SECONDS = 0.02  # changes that come so close are one write
_RETRY_SECONDS = 1.0
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)  # nobody waits for this any more
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all pods of an agent share."""

    api: Api
    recorder: Recorder
    images: Images
    folder: Path
    lookup: Callable[[str, str, str], Json | None]  # kind, namespace, name
    protect: Callable[[], Awaitable[None]]  # returns when policies know every address
    backoff_seconds: float
    dns_address: str
    dns_domain: str
    service_address: str  # of the Service `kubernetes`


class Pod:
    def __init__(self, obj: Json, node: str, network: PodNetwork, around: Surroundings) -> None:
        self.obj, self._node, self.network, self._around = obj, node, network, around
        self.address, self.backoff_seconds = network.address, around.backoff_seconds
        self.uid: str = obj["metadata"]["uid"]
        self.stopping = False
        self._namespace, self._name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        self._url = f"/api/v1/namespaces/{self._namespace}/pods/{self._name}"
        folder, claims = around.folder / "pods" / self.uid, around.folder / "claims"
        self._home = Home(folder, claims, self._sources)
        former = obj.get("status", {})
        self.init = self._containers("initContainers", former.get("initContainerStatuses", []))
        self.main = self._containers("containers", former.get("containerStatuses", []))
        self._connected = self._initialized = False
        self._reason: str | None = None
        self._started_at, self._changed = former.get("startTime") or now(), asyncio.Event()
        self._tokens = Tokens(around.api, obj)
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def grace_seconds(self) -> float:
        seconds: float = self.obj["spec"].get("terminationGracePeriodSeconds", 30)
        return seconds

    def container(self, name: str) -> Container | None:
        return next((each for each in (*self.init, *self.main) if each.shown.name == name), None)

    def log(self, name: str, run: int) -> Path:
        """Say where a run of a container writes."""
        return self._home.log(name, run)

    def changed(self) -> None:
        self._changed.set()

    def tell(self, kind: str, reason: str, message: str) -> None:
        self._around.recorder.tell(self.obj, self._node, kind, reason, message)

    def _containers(self, key: str, former: list[Json]) -> list[Container]:
        """Count on where the node was before it went down."""
        ran = {each["name"]: each["restartCount"] + 1 for each in former if each["containerID"]}
        return [Container(c, self, ran.get(c["name"], 0)) for c in self.obj["spec"].get(key, [])]

    def start(self) -> None:
        self._go(self._report())
        self._go(self._live())

    def _go(self, work: Coroutine[None, None, object]) -> asyncio.Task[object]:
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("%s/%s", self._namespace, self._name, exc_info=error)

    async def _live(self) -> None:
        await self._connect()
        policy = self.obj["spec"].get("restartPolicy", "Always")
        for container in self.init:
            if container.is_sidecar:
                self._go(container.run("Always"))
                await container.up.wait()
            elif await container.run("Never" if policy == "Never" else "OnFailure"):
                self.changed()
                return
        self._initialized = True
        self.changed()
        await asyncio.gather(*(self._go(container.run(policy)) for container in self.main))

    async def _connect(self) -> None:
        """Give the pod its network; no container starts before the policies know it."""
        while True:
            try:
                await self.network.up()
                await self._tokens.fetch()
                break
            except (NetworkError, ApiError, httpx.HTTPError) as error:
                self.tell("Warning", "FailedCreatePodSandBox", str(error))
                await self.network.down()
                await asyncio.sleep(_RETRY_SECONDS)
        self._connected = True
        around = self._around
        self._home.write_etc(self.address, around.dns_address, around.dns_domain)
        await self._around.protect()
        self._go(self._tokens.renew(self.refresh))

    async def stop(self, grace_seconds: float) -> None:
        """Stop everything, say how it ended, and let the object go."""
        self.stopping = True
        self.tell("Normal", "Killing", "Stopping containers")
        await asyncio.gather(*(each.stop(grace_seconds) for each in self.main))
        for each in reversed(self.init):
            await each.stop(grace_seconds)
        # The runs record how they ended before their tasks are ended.
        await asyncio.sleep(0)
        await self.vanish()
        try:
            await self._write_status()
        except (ApiError, httpx.HTTPError) as error:
            _LOG.info("%s/%s: last status: %r", self._namespace, self._name, error)
        await release(self._around.api, self.obj)

    def kill(self) -> None:
        """Cut the end short."""
        for each in (*self.init, *self.main):
            each.kill()

    async def vanish(self) -> None:
        """End at once and say nothing, as a machine that loses its power does."""
        self.stopping = True
        self.kill()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in (*self.init, *self.main):
            if each.process is not None:
                each.kill()  # it may have started meanwhile
                await each.process.wait()
        await self.network.down()
        self._home.remove()

    def prepare(self, container: Container) -> Launch:
        """Say how to start a container now; NoImageError and MissingError say what lacks."""
        spec, image = container.spec, self._around.images.find(container.spec["image"])
        pod = self._as_it_is()
        given = {
            "PATH": "".join(f"{tree}/bin:" for tree in image.trees) + PATH,
            "HOSTNAME": host_name(pod),
            "HOME": "/",
            "KUBERNETES_SERVICE_HOST": self._around.service_address,
            "KUBERNETES_SERVICE_PORT": "443",
        }
        known = environment(spec, pod, self._lookup, given)
        security = {**pod["spec"].get("securityContext", {}), **spec.get("securityContext", {})}
        user = security.get("runAsUser", image.user)
        if security.get("runAsNonRoot") and user == 0:
            raise MissingError("container has runAsNonRoot and image will run as root")
        return Launch(
            argv=[expand(word, known) for word in image.argv(spec)],
            environment=known,
            user=user,
            group=security.get("runAsGroup", user),
            host_name=host_name(pod),
            network=self.network.path,
            etc=self._home.etc,
            log=self._home.new_log(container.shown.name, container.shown.restarts),
            image=image,
            folder=spec.get("workingDir", "/"),
            read_only_root=security.get("readOnlyRootFilesystem", False),
            mounts=self._home.mounts(spec, known),
        )

    def refresh(self) -> None:
        """Show in the volumes what their sources say now."""
        if self._connected and not self.stopping:
            for what in self._home.refresh():
                self.tell("Warning", "FailedMount", what)

    def _sources(self) -> Sources:
        return Sources(pod=self._as_it_is(), lookup=self._lookup, tokens=self._tokens.get)

    def _lookup(self, kind: str, name: str) -> Json | None:
        return self._around.lookup(kind, self._namespace, name)

    def _as_it_is(self) -> Json:
        """Put into the object what its status will say."""
        shown = {"podIP": self.address, "podIPs": [{"ip": self.address}]}
        host = {"hostIP": self.network.node, "hostIPs": [{"ip": self.network.node}]}
        return {**self.obj, "status": {**self.obj.get("status", {}), **shown, **host}}

    async def _report(self) -> None:
        """Write the status after every change; never ends."""
        while True:
            self._changed.clear()
            try:
                await self._write_status()
            except (ApiError, httpx.HTTPError) as error:
                if not (isinstance(error, ApiError) and error.status in _GONE):
                    _LOG.info("%s/%s: status: %r", self._namespace, self._name, error)
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
            await self._changed.wait()
            await asyncio.sleep(_TOGETHER_SECONDS)

    async def _write_status(self) -> None:
        state = PodState(
            host=self.network.node,
            address=self.address if self._connected else None,
            started_at=self._started_at,
            init=[each.shown for each in self.init],
            main=[each.shown for each in self.main],
            initialized=self._initialized,
            stopping=self.stopping,
            reason=self._reason,
        )
        body = {"metadata": {"uid": self.uid}, "status": pod_status(self.obj, state, now())}
        answer = await self._around.api.merge(f"{self._url}/status", body)
        self.obj["status"] = answer["status"]  # the next write keeps its times of change


async def release(api: Api, obj: Json) -> None:
    """Let go of a pod whose end was asked for."""
    metadata = obj["metadata"]
    url = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
    try:
        await api.delete(url, body)
    except ApiError as error:
        if error.status not in _GONE:
            raise
