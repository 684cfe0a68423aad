"""What runs in place of a container image: a lookup in `images.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

import yaml
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

TABLE = Path(__file__).with_name("images.yaml")
_SUFFIX = re.compile(r"(:[^/:@]+)?(@sha256:[0-9a-f]+)?$")


class NoImageError(Exception):
    """The table has no program for an image."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Image:
    """An entry of the table; paths are those of this machine once it is looked up."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: int = 0
    stop_signal: str = "SIGTERM"
    files: Mapping[str, str] = field(default_factory=dict)
    trees: tuple[str, ...] = ()

    def argv(self, container: Mapping[str, list[str]]) -> list[str]:
        """Combine with what the pod says, by the rules of Kubernetes."""
        if "command" in container:
            return [*container["command"], *container.get("args", [])]
        return [*self.entrypoint, *container.get("args", self.command)]


@dataclass(frozen=True)
class Images:
    """The table, with the programs that its braces name."""

    programs: Mapping[str, str]
    table: Path = TABLE

    def find(self, reference: str) -> Image:
        """Look an image up; the file is read anew, so that a line added to it is found."""
        written = yaml.safe_load(self.table.read_text("utf-8"))
        table = TypeAdapter(dict[str, Image]).validate_python(written)
        parts = _SUFFIX.sub("", reference).split("/")
        endings = ("/".join(parts[start:]) for start in range(len(parts)))
        for name in endings:
            if name in table:
                return self._placed(table[name])
        known = ", ".join(sorted(table))
        raise NoImageError(
            f"{reference} has no local program; add one to {self.table} (it has {known})"
        )

    def _placed(self, image: Image) -> Image:
        return Image(
            entrypoint=image.entrypoint,
            command=image.command,
            user=image.user,
            stop_signal=image.stop_signal,
            files={name: self._path(place) for name, place in image.files.items()},
            trees=tuple(self._path(place) for place in image.trees),
        )

    def _path(self, place: str) -> str:
        if not place.startswith("{"):
            return str(self.table.parent / place)
        name = place.strip("{}")
        if name not in self.programs:
            raise NoImageError(
                f"the program {name} was not handed to the agent (--program); "
                f"`python -m rehearsal.tools ensure {name}` gets it, before the agent starts"
            )
        return self.programs[name]
