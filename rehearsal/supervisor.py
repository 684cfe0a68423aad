"""Owns a set of processes: starts them in stages, ends all when one ends, leaves none behind.

`python -m rehearsal.supervisor STATE_DIR` reads a Plan as one line of JSON from standard input and
goes into the background. While standard input stays open it is attached: it ends when the other
side closes, that is, when its launcher ends in whatever way. A second line, "detach", lifts that.

STATE_DIR then holds `supervisor.lock` (locked while it lives), `processes.lock` (locked while any
of its processes lives), `state.json`, and `log/`.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .node import enclosure
from .processes import die_with, lock

DETACH = b"detach\n"
SUPERVISOR_LOCK, PROCESSES_LOCK, STATE = "supervisor.lock", "processes.lock", "state.json"
STARTING, READY, ENDED = "starting", "ready", "ended"

_PROBE_SECONDS = 0.05  # between two looks at processes that start
_PROBE_TIMEOUT = 2.0
_GRACE_SECONDS = 5.0  # for one stage, from SIGTERM to SIGKILL
_LOCK_SECONDS = 2.0  # a look at the lock by somebody else takes microseconds
_OK = 200


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A URL that answers 200 when its process is ready."""

    host: str
    port: int
    path: str
    ca: str | None = None  # None: plain HTTP
    certificate: str | None = None  # ours, where the path asks for one; the key is in it

    def succeeds(self) -> bool:
        try:
            with closing(self._connection()) as connection:
                connection.request("GET", self.path)
                return connection.getresponse().status == _OK
        except (OSError, http.client.HTTPException):
            return False

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=_PROBE_TIMEOUT)
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=_PROBE_TIMEOUT, context=context
        )


@dataclass(frozen=True, kw_only=True)
class Process:
    name: str
    command: Sequence[str]
    probe: Probe | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run. A stage starts when every probe of the stage before has succeeded."""

    run: str  # names this start, so that nobody takes the state of an older one for it
    stages: Sequence[Sequence[Process]]
    facts: Mapping[str, str] = field(default_factory=dict)  # published in state.json as they are
    enclosed: bool = False  # in namespaces of its own, for pods that are processes
    ready_seconds: float = 120.0

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Plan:
        written = json.loads(line)
        stages = [[_process(row) for row in stage] for stage in written.pop("stages")]
        return cls(stages=stages, **written)


def _process(row: dict[str, object]) -> Process:
    probe = row.pop("probe")
    return Process(probe=Probe(**probe) if isinstance(probe, dict) else None, **row)  # type: ignore[arg-type]


class _Stop(Exception):  # noqa: N818  # a reason to end, not an error
    """Why everything ends now."""


class Supervisor:
    """Single-threaded on purpose: PR_SET_PDEATHSIG follows the thread that started a child."""

    def __init__(self, folder: Path, plan: Plan, family: int, leader: int | None = None) -> None:
        self._folder, self._plan, self._family = folder, plan, family
        self._leader = leader  # outside of the enclosure: the process, and its group, to signal
        self._started: list[list[tuple[Process, subprocess.Popen[bytes]]]] = []
        self._attached = True
        self._wake, wake_up = os.pipe()
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # each arrives as a byte on the pipe

    def run(self) -> None:
        self._publish(STARTING)
        reason = "a mistake of the supervisor"  # its traceback follows in the log
        try:
            for stage in self._plan.stages:
                self._start(stage)
            self._publish(READY)
            _log("ready")
            while True:
                self._watch(None)
        except _Stop as why:
            reason = str(why)
        finally:
            _log(f"{reason}; stopping")
            for running in reversed(self._started):
                self._end(running)
            self._publish(ENDED, reason)
            _log("stopped")

    def _start(self, stage: Sequence[Process]) -> None:
        running: list[tuple[Process, subprocess.Popen[bytes]]] = []
        self._started.append(running)
        for process in stage:
            try:
                running.append((process, self._spawn(process)))
            except OSError as error:
                raise _Stop(f"{process.name} cannot be started: {error}") from error
        waiting = [process for process in stage if process.probe is not None]
        deadline = time.monotonic() + self._plan.ready_seconds
        while waiting:
            self._watch(_PROBE_SECONDS)
            if time.monotonic() > deadline:
                raise _Stop(f"{waiting[0].name} is not ready in {self._plan.ready_seconds:.0f} s")
            waiting = [p for p in waiting if p.probe is not None and not p.probe.succeeds()]

    def _spawn(self, process: Process) -> subprocess.Popen[bytes]:
        log = self._folder / "log" / f"{process.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.previous"))  # what an earlier crash had to say
        home = {"HOME": str(self._folder), "PATH": os.environ.get("PATH", os.defpath)}
        with log.open("wb") as output:
            return subprocess.Popen(
                process.command,
                cwd=self._folder,
                env=home,  # no proxy settings, no ~/.kube, no ~/.kwok
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[self._family],
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # there is one thread
            )

    def _watch(self, seconds: float | None) -> None:
        """Wait for something to happen; raise _Stop when it is a reason to end."""
        inputs = [self._wake, sys.stdin.fileno()] if self._attached else [self._wake]
        happened, _, _ = select.select(inputs, [], [], seconds)
        if sys.stdin.fileno() in happened:
            self._listen()
        numbers = set(os.read(self._wake, 4096)) if self._wake in happened else set()
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            raise _Stop("asked to stop")
        for process, child in (pair for stage in self._started for pair in stage):
            if (status := child.poll()) is not None:
                raise _Stop(f"{process.name} ended with {_words(status)}")

    def _listen(self) -> None:
        line = os.read(sys.stdin.fileno(), len(DETACH))
        if line == DETACH:
            self._attached = False
        elif not line:
            raise _Stop("the launcher is gone")

    def _end(self, running: Sequence[tuple[Process, subprocess.Popen[bytes]]]) -> None:
        for _, child in running:
            child.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for process, child in running:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log(f"{process.name} ignores SIGTERM; killed")
                child.kill()
                child.wait()

    def _publish(self, status: str, reason: str = "") -> None:
        state = {
            **self._plan.facts,
            "run": self._plan.run,
            "status": status,
            "reason": reason,
            "pid": self._leader or os.getpid(),
            "group": self._leader or os.getpgrp(),
        }
        fresh = self._folder / f".{STATE}"
        fresh.write_text(json.dumps(state, indent=1))
        fresh.replace(self._folder / STATE)


def _words(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _log(line: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ} {line}\n")
    sys.stderr.flush()


def main() -> None:
    folder = Path(sys.argv[1])
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1 << 20) or sys.exit("no plan on standard input")
    mine = lock(folder / SUPERVISOR_LOCK, _LOCK_SECONDS)
    family = mine and lock(folder / PROCESSES_LOCK, _LOCK_SECONDS)
    if mine is None or family is None:
        sys.exit(f"{folder} belongs to processes that still run")
    if os.fork():  # the launcher has nothing to reap, and hears by our exit that the lock is taken
        os._exit(0)
    try:
        plan = Plan.parse(line)
        leader = enclosure.enter() if plan.enclosed else None
        Supervisor(folder, plan, family.fileno(), leader).run()
    except OSError as error:
        _log(f"it cannot start: {error}")
    finally:
        sys.stderr.flush()
        os._exit(0)  # the locks go with the process, not before it


if __name__ == "__main__":
    main()
