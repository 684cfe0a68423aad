"""A container as a bubblewrap process in the network namespace of its pod."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .images import Image

IMAGE_FOLDER = "/opt/image"
PATH = f"{IMAGE_FOLDER}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TIMED_OUT = 124  # as coreutils' timeout says it
_DEVICES = ("null", "zero", "full", "random", "urandom")
_STREAMS = ("stdin", "stdout", "stderr")
_SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64")
_WRITABLE = ("--perms", "1777", "--tmpfs", "/tmp")  # noqa: S108  # the container's own
_SHARED_MEMORY = ("--perms", "1777", "--tmpfs", "/dev/shm")  # noqa: S108  # the container's own
_ETC = ("ssl", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")


@dataclass(frozen=True, kw_only=True)
class Mount:
    target: str
    source: Path
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that one run of a container needs."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    user: int
    group: int
    host_name: str
    network: Path  # of its pod: a network namespace, as a file
    etc: Path  # hosts, resolv.conf, passwd and group of its pod
    log: Path
    image: Image
    folder: str
    read_only_root: bool
    mounts: Sequence[Mount]


def bubblewrap(launch: Launch, info: int) -> list[str]:
    """Write the command line; `info` is the open file to which bwrap tells the process number."""
    user = ["--unshare-user", "--uid", str(launch.user), "--gid", str(launch.group)]
    own = ["--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts"]
    return [
        *("nsenter", f"--net={launch.network}", "bwrap", "--die-with-parent"),
        *("--info-fd", str(info), *user, *own, "--hostname", launch.host_name),
        *_system(),
        *_image(launch),
        *([] if launch.read_only_root else _WRITABLE),
        # Sorted: a mount inside another one comes after it.
        *(word for mount in sorted(launch.mounts, key=_target) for word in _mounted(mount)),
        *(["--remount-ro", "/"] if launch.read_only_root else []),
        *("--chdir", launch.folder, "--clearenv"),
        *(word for pair in launch.environment.items() for word in ("--setenv", *pair)),
        *("--", *launch.argv),
    ]


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--tmpfs", "/dev")
    yield from _SHARED_MEMORY
    # Not `--dev /dev`: for a user other than 0 bwrap makes a second user namespace, which exec
    # cannot join.
    for name in _DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    for number, name in enumerate(_STREAMS):
        yield from ("--symlink", f"/proc/self/fd/{number}", f"/dev/{name}")
    for name in _SYSTEM_FOLDERS:
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists():
            yield from ("--ro-bind", str(path), str(path))
    for name in _ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _image(launch: Launch) -> Iterator[str]:
    for path in sorted(launch.etc.iterdir()):
        yield from ("--ro-bind", str(path), f"/etc/{path.name}")
    for name, place in launch.image.files.items():
        yield from ("--ro-bind", place, f"{IMAGE_FOLDER}/{name}")
    for tree in launch.image.trees:
        if not Path(tree).is_relative_to("/usr"):  # which is there as a whole
            yield from ("--ro-bind", tree, tree)


def _mounted(mount: Mount) -> tuple[str, str, str]:
    return ("--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.target)


def _target(mount: Mount) -> str:
    return mount.target


class Process:
    """A container that runs. Signals go to its first process: bwrap does not pass them on."""

    def __init__(self, launch: Launch, wrapper: asyncio.subprocess.Process, number: int) -> None:
        self._launch, self._wrapper = launch, wrapper
        self.number = number

    @classmethod
    async def start(cls, launch: Launch) -> Process:
        """Start it; one that bwrap cannot set up ends at once, and its log says why."""
        read, write = os.pipe()
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        with launch.log.open("ab") as log:
            wrapper = await asyncio.create_subprocess_exec(
                *bubblewrap(launch, write),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[write],
            )
        os.close(write)
        said = await asyncio.to_thread(_read_all, read)
        number = json.loads(said)["child-pid"] if said.strip() else wrapper.pid
        return cls(launch, wrapper, number)

    async def wait(self) -> int:
        """Wait for the end; a signal counts 128 and its number, as shells and kubelets say it."""
        status = await self._wrapper.wait()
        return 128 - status if status < 0 else status

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._wrapper.returncode is None:
                os.kill(self.number, number)

    def ask_to_stop(self) -> None:
        self.signal(signal.Signals[self._launch.image.stop_signal])

    async def execute(self, argv: Sequence[str], seconds: float) -> int:
        """Run a command in the container's namespaces; answer its exit status."""
        inside = ["-U", "-m", "-p", "-u", "-i", "--preserve-credentials"]
        with self._launch.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                # Two steps: inside its user namespace the network of the pod is out of reach.
                *("nsenter", f"--net={self._launch.network}"),
                *("nsenter", "-t", str(self.number), *inside, "--", *argv),
                env=dict(self._launch.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            return TIMED_OUT
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def _read_all(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as pipe:
        return pipe.read()
