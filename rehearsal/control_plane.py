"""A Kubernetes control plane of its own: etcd, API server, controllers, scheduler, kwok.

Several live side by side, each in a state folder with free ports. A supervisor process owns the
programs (`supervisor.py`): attached, all end with the process that started them, however that
ends; detached, they stay until `stop`. etcd's data stays in the folder for the next start.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from components.problems import PlanError, Problem

from . import supervisor
from .cluster import LOOPBACK, PORTS, TOOLS, Cluster
from .launch import ADDRESS_TAKEN, START_SECONDS, launch, read_state
from .ports import free_ports, is_free, trouble
from .processes import is_locked, lock, signal_holder, until
from .tools import Toolbox

__all__ = ["TOOLS", "ControlPlane", "ControlPlaneError", "Running", "find", "stop"]

PORT_SETTING = "API_PORT"
_START_LOCK = "start.lock"
_ATTEMPTS = 3  # a free port may be taken between our look and its use
_STOP_SECONDS = 20.0
_KILL_SECONDS = 5.0


class ControlPlaneError(PlanError):
    """The control plane cannot run here."""


@dataclass(eq=False)
class Running:
    """A control plane that serves: its address, and how to end it."""

    state_dir: Path
    kubeconfig: Path
    server: str
    context: str
    runs_pods: bool = False  # as processes, on nodes that ask for it
    adopted: bool = False  # the user's own cluster: not ours to stop
    _tie: IO[bytes] | None = field(default=None, repr=False)  # open as long as it is attached

    def detach(self) -> None:
        """Let it outlive this process."""
        if self._tie is not None:
            self._tie.write(supervisor.DETACH)
            self._tie.close()
            self._tie = None

    def stop(self) -> None:
        """End it, and return when no process of it is left."""
        stop(self.state_dir)
        if self._tie is not None:
            self._tie.close()
            self._tie = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class ControlPlane:
    """Start, find and stop the control plane of a state folder."""

    @staticmethod
    def start(  # noqa: PLR0913  # addresses, ports and names are the caller's to choose
        state_dir: Path,
        toolbox: Toolbox,
        *,
        attached: bool,
        address: str = LOOPBACK,
        api_port: int | None = None,
        context: str = "rehearsal",
        service_network: str = "10.96.0.0/16",
        arguments: Mapping[str, Sequence[str]] | None = None,
        runs_pods: bool = False,
    ) -> Running:
        """Start it, or find the one that runs there; return when it serves.

        Attached, it ends when this process ends or the answer is forgotten. `arguments` are
        further command-line arguments, by program. With `runs_pods` it lives in an enclosure, and
        pods on nodes that ask for it are processes there. Raises ControlPlaneError.
        """
        folder = state_dir.absolute()
        (folder / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with ExitStack() as held:
            _hold_start_lock(held, folder)
            if running := find(folder):
                return _agreed(running, api_port)
            running = _start(
                lambda: Cluster(
                    folder=folder,
                    toolbox=toolbox,
                    address=address,
                    ports=_choose_ports(folder, address, api_port),
                    service_network=service_network,
                    context=context,
                    arguments=arguments or {},
                    runs_pods=runs_pods,
                )
            )
            if not attached:
                running.detach()
            return running

    @staticmethod
    def find(state_dir: Path) -> Running | None:
        """See `find`."""
        return find(state_dir)

    @staticmethod
    def stop(state_dir: Path) -> None:
        """See `stop`."""
        stop(state_dir)


def _start(describe: Callable[[], Cluster]) -> Running:
    """Launch what `describe` says, again with other ports where somebody took one."""
    for _ in range(_ATTEMPTS):
        cluster = describe()
        launched = launch(cluster)
        if not isinstance(launched, Problem):
            where = cluster.folder, cluster.kubeconfig, cluster.server, cluster.context
            return Running(*where, runs_pods=cluster.runs_pods, _tie=launched)
        problem = launched
        if ADDRESS_TAKEN not in problem.what:
            break
    raise ControlPlaneError([problem])


def find(state_dir: Path) -> Running | None:
    """Find the control plane that serves in this folder."""
    state = read_state(state_dir)
    if state.get("status") != supervisor.READY:
        return None
    if not is_locked(state_dir / supervisor.SUPERVISOR_LOCK):
        return None
    where = Path(state["kubeconfig"]), state["server"], state["context"]
    return Running(state_dir, *where, runs_pods=bool(state.get("pods")))


def stop(state_dir: Path) -> None:
    """End what runs in this folder, if anything does; return when no process of it is left."""
    if not state_dir.exists():
        return
    supervised = state_dir / supervisor.SUPERVISOR_LOCK
    family = state_dir / supervisor.PROCESSES_LOCK

    def gone() -> bool:
        return not is_locked(supervised) and not is_locked(family)

    with ExitStack() as held:
        _hold_start_lock(held, state_dir)
        if is_locked(supervised):
            signal_holder(read_state(state_dir)["pid"], signal.SIGTERM, supervised)
            until(lambda: not is_locked(supervised), _STOP_SECONDS)
        # A supervisor that was killed takes its processes along, on Linux in the same instant.
        if until(gone, 1.0):
            return
        with suppress(ProcessLookupError):
            # One of the group holds a lock, so its number has not gone to strangers.
            os.killpg(read_state(state_dir)["group"], signal.SIGKILL)
        if not until(gone, _KILL_SECONDS):
            what = "processes of this control plane survive SIGKILL"
            raise ControlPlaneError([Problem(str(state_dir), what, "Look at them with `ps`.")])


def _hold_start_lock(held: ExitStack, folder: Path) -> None:
    if start_lock := lock(folder / _START_LOCK, START_SECONDS):
        held.enter_context(start_lock)
        return
    what = "another process has been starting or stopping this control plane for minutes"
    raise ControlPlaneError([Problem(str(folder), what, "End that process, then try again.")])


def _choose_ports(folder: Path, address: str, api_port: int | None) -> Mapping[str, int]:
    if api_port is not None:
        if problem := trouble(address, api_port, PORT_SETTING):
            raise ControlPlaneError([problem])
    else:
        # The port of the last start, if nobody has it: kubeconfigs that were copied stay right.
        former = int(read_state(folder).get("api_port", 0))
        api_port = former if former and is_free(address, former) else None
    own = [free_ports(address, 1)[0] if api_port is None else api_port]
    others = free_ports(LOOPBACK, len(PORTS))
    return dict(zip(PORTS, own + [port for port in others if port != own[0]], strict=False))


def _agreed(running: Running, api_port: int | None) -> Running:
    if api_port is None or running.server.endswith(f":{api_port}"):
        return running
    raise ControlPlaneError(
        [
            Problem(
                PORT_SETTING,
                f"the control plane of {running.state_dir} already serves {running.server}",
                f"Unset {PORT_SETTING} to use it, or stop it first (`make down`).",
            )
        ]
    )
