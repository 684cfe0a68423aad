"""Building a tool from its tagged Go module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from .cache import Entry, Report, cache_root
from .golang import go, go_environment, go_setting
from .manifest import Build, ModuleFile, Tool
from .problems import ToolError, build_failed, no_room
from .progress import Command, elapsed, run_logged

_GIB = 2**30
_WARM_GIB = 0.5  # linking again, from caches that hold everything


def build_tool(entry: Entry, build: Build, report: Report) -> None:
    """Compile the tool and take its files into the cache; call it with the tool's lock held."""
    tool, program = entry.tool, go(report)
    check_room(tool, build, program)
    started = time.monotonic()
    with entry.being_made("built") as folder:
        if build.package is not None:
            _compile(tool, build, program, folder / tool.name, report)
        for file in build.files:
            _take(tool, build, file, program, folder)
    report(f"{tool} is built ({elapsed(time.monotonic() - started)})")


def link_flags(tool: Tool, build: Build) -> str:
    """Strip symbols, and stamp the version as the project's own releases do."""
    stamps = [f"-X {k}={v.format(version=tool.version)}" for k, v in build.variables.items()]
    return " ".join(["-s", "-w", *stamps])


def check_room(tool: Tool, build: Build, program: Path) -> None:
    """Refuse at once what would fail on a full disk after minutes."""
    modules, compiled = map(Path, go_setting(program, "GOMODCACHE", "GOCACHE"))
    needed = _WARM_GIB if _was_fetched(build, modules) else build.cold_gib
    for folder in (modules, compiled, cache_root()):
        free = shutil.disk_usage(_existing(folder)).free / _GIB
        if free < needed:
            raise ToolError([no_room(str(tool), folder, needed, free)])


def _was_fetched(build: Build, modules: Path) -> bool:
    """Guess whether Go's caches are warm: the module that the tool is in lies unpacked."""
    named = f"{build.package} {' '.join(file.source or '' for file in build.files)}"
    # go.sum has "module version hash" per unpacked module, "module version/go.mod hash" for others.
    rows = (line.split() for line in (build.folder / "go.sum").read_text().splitlines())
    own = [f"{m}@{v}" for m, v, _ in rows if m in named and not v.endswith("/go.mod")]
    return bool(own) and all((modules / _escaped(module)).is_dir() for module in own)


def _escaped(module: str) -> str:
    """Spell a module as the module cache does: "A" is "!a"."""
    return "".join(f"!{letter.lower()}" if letter.isupper() else letter for letter in module)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _compile(tool: Tool, build: Build, program: Path, output: Path, report: Report) -> None:
    log = cache_root() / "log" / f"{tool.name}-{tool.version}.log"
    arguments = [
        *(str(program), "build", "-v", "-o", str(output)),
        *(["-tags", ",".join(build.tags)] if build.tags else []),
        *("-ldflags", link_flags(tool, build), str(build.package)),
    ]
    report(f"building {tool} (about {build.cold_minutes:g} min on 2 cores, seconds when warm)")
    command = Command(arguments, build.folder, go_environment())
    status = run_logged(
        command, log, f"building {tool}", report, lambda: f", {_count(log)} packages compiled"
    )
    if status:
        raise ToolError([build_failed(tool, log.read_text(errors="replace"), log)])


def _count(log: Path) -> int:
    """Count compiled packages: `go build -v` prints each as one word."""
    lines: Iterable[str] = log.read_text(errors="replace").splitlines()
    return sum(" " not in line for line in lines)


def _take(tool: Tool, build: Build, file: ModuleFile, program: Path, folder: Path) -> None:
    root = build.folder
    if file.source is not None:
        root = _module_folder(tool, build, file.source, program)
    target = folder / file.name
    shutil.copyfile(root / file.path, target)  # not its mode: module files are read-only
    target.chmod(0o755 if file.executable else 0o644)


def _module_folder(tool: Tool, build: Build, module: str, program: Path) -> Path:
    done = subprocess.run(
        [program, "mod", "download", "-json", module],
        cwd=build.folder,
        env=go_environment() | {"GOFLAGS": "-mod=readonly"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, str] = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        log = cache_root() / "log" / f"{tool.name}-{tool.version}-files.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(output := done.stderr + answer.get("Error", ""))
        raise ToolError([build_failed(tool, output, log)])
    return Path(os.fspath(answer["Dir"]))
