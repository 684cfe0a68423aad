"""The programs of the local engine, as `manifest.yaml` lists them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from pathlib import Path

import yaml
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

FOLDER = Path(__file__).parent
_STRICT = ConfigDict(extra="forbid", populate_by_name=True)


@dataclass(frozen=True, config=_STRICT)
class OnPath:
    """When a copy on PATH will do."""

    ask: tuple[str, ...]  # arguments that make the program print its version
    at_least: str
    below: str
    beside: str | None = None  # must be there too, in the same folder or on PATH


@dataclass(frozen=True, config=_STRICT)
class Download:
    """A published release; `checksums` is the publisher's own list for it."""

    url: str
    checksums: str
    platforms: Mapping[str, str]  # "os/arch" as Go says it -> as the publisher says it
    members: tuple[str, ...] = ()  # files to take out of the archive; none: the file is the program


@dataclass(frozen=True, config=_STRICT)
class ModuleFile:
    """A plain file that belongs to a tool."""

    path: str  # inside the module; it keeps its last name
    source: str | None = Field(default=None, alias="from")  # a Go module; None: our own folder
    executable: bool = False

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(frozen=True, config=_STRICT)
class Build:
    """How the tool comes out of Go modules; `modules/<module>/go.sum` holds every checksum."""

    module: str
    package: str | None = None  # None: the files are all there is, nothing is compiled
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    files: tuple[ModuleFile, ...] = ()
    cold_gib: float = 0.1
    cold_minutes: float = 0.1
    memory_gib: float = 2.0

    @property
    def folder(self) -> Path:
        return FOLDER / "modules" / self.module


@dataclass(frozen=True, config=_STRICT)
class Tool:
    """One program, or one set of files, and its sources."""

    name: str
    version: str
    on_path: OnPath | None = None
    download: Download | None = None
    build: Build | None = None
    wheel: str | None = None

    @property
    def is_program(self) -> bool:
        return self.build is None or self.build.package is not None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def machine() -> str:
    """Name this machine as Go does: "linux/amd64"."""
    processor = platform.machine().lower()
    known = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    return f"{platform.system().lower()}/{known.get(processor, processor)}"


@cache
def tools() -> Mapping[str, Tool]:
    """Every tool of the manifest, by name."""
    written = yaml.safe_load((FOLDER / "manifest.yaml").read_text())
    named = {name: {"name": name, **body} for name, body in written.items()}
    return TypeAdapter(dict[str, Tool]).validate_python(named)
