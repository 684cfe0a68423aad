"""One container: its runs, its probes, its restarts and its end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Coroutine
from typing import Protocol

from . import probes
from .api import Json
from .events import now
from .images import NoImageError
from .sandbox import Launch, Process
from .status import ContainerState
from .volumes import MissingError

_LONGEST_WAIT_SECONDS = 300.0
_FORGIVEN_AFTER_SECONDS = 600.0  # who ran that long starts afresh
_MISSING_SECONDS = 1.0
_NO_IMAGE_SECONDS = 5.0
_LAST_WORDS_SECONDS = 2.0  # the least time after the stop signal, as kubelets give it


class Owner(Protocol):
    """The pod of a container."""

    address: str
    stopping: bool
    backoff_seconds: float

    @property
    def grace_seconds(self) -> float: ...
    def prepare(self, container: Container) -> Launch: ...
    def changed(self) -> None: ...
    def tell(self, kind: str, reason: str, message: str) -> None: ...


class Container:
    def __init__(self, spec: Json, owner: Owner, restarts: int) -> None:
        self.spec, self._owner = spec, owner
        self.shown = ContainerState(name=spec["name"], image=spec["image"], restarts=restarts)
        self.process: Process | None = None
        self.up = asyncio.Event()  # set when it has started up for the first time
        self._stops = False

    @property
    def is_sidecar(self) -> bool:
        return bool(self.spec.get("restartPolicy") == "Always")

    async def run(self, policy: str) -> int:
        """Run until it must not be started again; answer the exit status of the last run."""
        wait, code = 0.0, 0
        while not self._owner.stopping:
            begun = time.monotonic()
            code = await self._run_once()
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                break
            if time.monotonic() - begun > _FORGIVEN_AFTER_SECONDS:
                wait = 0.0
            if self._owner.stopping:
                break
            self.shown.last = self.shown.state
            if wait:
                await self._back_off(wait)
            wait = min(max(self._owner.backoff_seconds, wait * 2), _LONGEST_WAIT_SECONDS)
            self.shown.restarts += 1
        return code

    async def _back_off(self, seconds: float) -> None:
        message = f"back-off {seconds:.0f}s restarting failed container {self.shown.name}"
        self._show({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        self._owner.tell("Warning", "BackOff", message)
        await asyncio.sleep(seconds)

    async def _run_once(self) -> int:
        self.process = await Process.start(await self._launch())
        self._stops = False
        started_at = now()
        self.shown.number = self.process.number
        self.shown.started = "startupProbe" not in self.spec
        self.shown.ready = self.shown.started and "readinessProbe" not in self.spec
        self._show({"running": {"startedAt": started_at}})
        self._owner.tell("Normal", "Started", f"Started container {self.shown.name}")
        health = asyncio.create_task(self._watch_health())
        try:
            code = await self.process.wait()
        finally:
            health.cancel()
        self.shown.ready = self.shown.started = False
        ended = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": started_at,
            "finishedAt": now(),
        }
        self._show({"terminated": ended})
        return code

    async def _launch(self) -> Launch:
        """Wait until all that the container refers to is there."""
        while True:
            try:
                return self._owner.prepare(self)
            except NoImageError as error:
                message = f"Failed to pull image: {error}"
                self._wait_for("ErrImagePull", "Failed", message)
                await asyncio.sleep(_NO_IMAGE_SECONDS)
            except MissingError as error:
                self._wait_for("CreateContainerConfigError", "FailedMount", str(error))
                await asyncio.sleep(_MISSING_SECONDS)

    def _wait_for(self, reason: str, event: str, message: str) -> None:
        self._show({"waiting": {"reason": reason, "message": message}})
        self._owner.tell("Warning", event, message)

    def _show(self, state: Json) -> None:
        self.shown.state = state
        self._owner.changed()

    async def _watch_health(self) -> None:
        """Follow all probes of this run."""
        if not await self._started_up():
            return
        await asyncio.gather(*self._later_probes())

    def _later_probes(self) -> list[Coroutine[None, None, None]]:
        later = []
        if "readinessProbe" in self.spec:
            later.append(self._watch_readiness(self.spec["readinessProbe"]))
        if "livenessProbe" in self.spec:
            later.append(self._watch_liveness(self.spec["livenessProbe"]))
        return later

    async def _started_up(self) -> bool:
        if probe := self.spec.get("startupProbe"):
            async for over, complaint in probes.follow(probe, lambda: self._try(probe)):
                self._complain("Startup", complaint)
                if over and complaint is None:
                    break
                if over:
                    await self._kill_unhealthy("startup", probe)
                    return False
            self.shown.started, self.shown.ready = True, "readinessProbe" not in self.spec
            self._owner.changed()
        self.up.set()
        return True

    async def _watch_readiness(self, probe: Json) -> None:
        async for over, complaint in probes.follow(probe, lambda: self._try(probe)):
            self._complain("Readiness", complaint)
            ready = complaint is None
            if over and ready != self.shown.ready:
                self.shown.ready = ready
                self._owner.changed()

    async def _watch_liveness(self, probe: Json) -> None:
        async for over, complaint in probes.follow(probe, lambda: self._try(probe)):
            self._complain("Liveness", complaint)
            if over and complaint is not None and not self._stops:
                await self._kill_unhealthy("liveness", probe)
                return

    async def _try(self, probe: Json) -> str | None:
        if self.process is None:
            return "it does not run"
        return await probes.attempt(probe, self._owner.address, self.spec, self.process.execute)

    def _complain(self, kind: str, complaint: str | None) -> None:
        if complaint is not None and not self._stops:
            self._owner.tell("Warning", "Unhealthy", f"{kind} probe failed: {complaint}")

    async def _kill_unhealthy(self, kind: str, probe: Json) -> None:
        name = self.shown.name
        message = f"Container {name} failed {kind} probe, will be restarted"
        self._owner.tell("Normal", "Killing", message)
        seconds = probe.get("terminationGracePeriodSeconds", self._owner.grace_seconds)
        # Shielded: the end of the process ends the probes, this one among them.
        await asyncio.shield(asyncio.ensure_future(self.stop(seconds)))

    async def stop(self, grace_seconds: float) -> None:
        """Run the preStop hook, send the stop signal, then SIGKILL; the hook's time counts too."""
        process = self.process
        if process is None:
            return
        self._stops = True
        deadline = time.monotonic() + grace_seconds
        ended = asyncio.ensure_future(process.wait())
        hook = asyncio.ensure_future(self._pre_stop(process, grace_seconds))
        await asyncio.wait(
            {ended, hook}, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hook.cancel()
        process.ask_to_stop()
        left = max(_LAST_WORDS_SECONDS, deadline - time.monotonic())
        await asyncio.wait({ended}, timeout=left if grace_seconds else 0)
        if not ended.done():
            message = f"{self.shown.name} did not end in its grace period: SIGKILL"
            self._owner.tell("Warning", "ExceededGracePeriod", message)
            process.signal(signal.SIGKILL)
        await ended

    def kill(self) -> None:
        if self.process is not None:
            self.process.signal(signal.SIGKILL)

    async def _pre_stop(self, process: Process, seconds: float) -> None:
        hook = self.spec.get("lifecycle", {}).get("preStop", {})
        try:
            if "sleep" in hook:
                await asyncio.sleep(hook["sleep"]["seconds"])
            elif "exec" in hook:
                status = await process.execute(hook["exec"]["command"], seconds)
                self._hook_failed(f"exited with {status}" if status else None)
            elif "httpGet" in hook:
                address = self._owner.address
                good = await probes.http_get(hook["httpGet"], address, self.spec)
                self._hook_failed(None if good else "a status outside 200-399")
        except (OSError, IndexError, ValueError) as error:
            self._hook_failed(str(error) or type(error).__name__)

    def _hook_failed(self, what: str | None) -> None:
        if what is not None:
            self._owner.tell("Warning", "FailedPreStopHook", f"PreStopHook failed: {what}")
