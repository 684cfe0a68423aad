"""What this machine must have for pods as processes: asked first, installed where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from components.problems import Problem

PROGRAMS = {  # program → its package on Debian and Ubuntu
    "bwrap": "bubblewrap",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
}
_SBIN = ("/usr/sbin", "/sbin")  # an ordinary user's PATH may lack them
_ROOT = Path(__file__).parents[2]
_LAST_LINES = 3


def lacking(report: Callable[[str], None] = lambda _: None) -> Problem | None:
    """Say what keeps pods from running here; as root on Debian or Ubuntu, install it first."""
    if sys.platform != "linux":
        what = f"{sys.platform} has no Linux namespaces"
        return Problem("this machine", what, "Use Linux, or name a cluster of your own.")
    if packages := missing_packages():
        if not _can_install():
            return _not_installed(packages)
        report(f"installing {' '.join(packages)} with apt-get")
        _install(packages)
        if still := missing_packages():
            return _not_installed(still)
    return _trial()


def missing_packages() -> list[str]:
    return sorted({package for name, package in PROGRAMS.items() if not _find(name)})


def search_path() -> str:
    """PATH, and where Debian keeps programs of the administrator."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN])


def _find(program: str) -> str | None:
    return shutil.which(program, path=search_path())


def _can_install() -> bool:
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: Sequence[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = "DPkg::Lock::Timeout=300"  # for whoever else installs
    install = ("install", "-qq", "-o", wait, "--yes", "--no-install-recommends", *packages)
    for arguments in (("update", "-qq"), install):
        subprocess.run(
            ["apt-get", *arguments],  # noqa: S607  # as PATH says
            env=quiet,
            stdout=subprocess.DEVNULL,
            check=False,  # what is missing then is asked again
        )


def _not_installed(packages: Sequence[str]) -> Problem:
    command = f"apt-get install {' '.join(packages)}"
    return Problem(
        "this machine",
        f"pods cannot run as processes: {', '.join(packages)} not installed",
        f"Install what is missing; on Debian and Ubuntu: sudo {command}",
    )


def _trial() -> Problem | None:
    """Try everything once, in a process of its own: settings that forbid it have many names."""
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.node.trial"],
        cwd=_ROOT,
        env={**os.environ, "PATH": search_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    said = "; ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
    return Problem(
        "this machine",
        f"pods cannot run as processes: {said}",
        "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0), or run outside a hardened container.",
    )


def main() -> None:
    """Install what is missing where we may, and say how it stands; what needs it asks again."""
    problem = lacking(print)
    print(problem or "pods can run as processes here")  # noqa: T201  # a command


if __name__ == "__main__":
    main()
