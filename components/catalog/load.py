"""Read the catalogue; a broken file is named, and all broken files are named at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from ..problems import PlanError, Problem
from .schema import Accelerator, Fact, Image, Model, Runtime

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "images.lock.yaml"
F = TypeVar("F", bound=Fact)


@cache
def accelerators() -> dict[str, Accelerator]:
    return load_folder(HERE / "accelerators", Accelerator)


@cache
def models() -> dict[str, Model]:
    """Every model by id. A shape that is a name is that model's shape: one fact, one file."""
    folder = HERE / "models"
    read = {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}
    return _parse(
        Model, ((f"models/{name}", name, _with_shape(entry, read)) for name, entry in read.items())
    )


def _with_shape(entry: object, read: dict[str, object]) -> object:
    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), str):
        return entry
    owner = read.get(entry["shape"])
    return {**entry, "shape": owner.get("shape")} if isinstance(owner, dict) else entry


@cache
def runtimes() -> dict[str, Runtime]:
    return load_folder(HERE / "runtimes", Runtime)


@cache
def images() -> dict[str, Image]:
    entries = _read(IMAGES)
    table: dict[str, object] = entries if isinstance(entries, dict) else {"": entries}
    return _parse(Image, ((f"{IMAGES.name}.{name}", name, entry) for name, entry in table.items()))


def load_folder(folder: Path, kind: type[F]) -> dict[str, F]:
    """One fact per YAML file, by file name.

    Raises PlanError with every broken field of every file.
    """
    return _parse(
        kind,
        (
            (f"{folder.name}/{path.name}", path.stem, _read(path))
            for path in sorted(folder.glob("*.yaml"))
        ),
    )


def _read(path: Path) -> object:
    """Parse a file; one that is no YAML is its own text, which no fact accepts."""
    text = path.read_text("utf-8")
    try:
        # safe_load by the C parser: the same result, ten times faster.
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return text


def _parse(kind: type[F], entries: Iterable[tuple[str, str, object]]) -> dict[str, F]:
    found: dict[str, F] = {}
    problems: list[Problem] = []
    for place, name, entry in entries:
        try:
            found[name] = kind.model_validate({**_fields(entry), "name": name})
        except _UnreadableError as error:
            problems.append(Problem(place, str(error), "Mend the file."))
        except ValidationError as error:
            problems += [_explain(place, kind, line["loc"], line["msg"]) for line in error.errors()]
    if problems:
        raise PlanError(problems)
    return found


class _UnreadableError(ValueError):
    """Why an entry cannot be read at all."""


def _fields(entry: object) -> dict[str, object]:
    if entry is None:
        return {}
    if not isinstance(entry, dict):
        raise _UnreadableError("it is no YAML mapping of fields")
    if "name" in entry:
        raise _UnreadableError("it calls itself by a name: where it stands is its name")
    return entry


def _explain(place: str, kind: type[Fact], field: tuple[int | str, ...], message: str) -> Problem:
    where = ".".join([place, *map(str, field)])
    return Problem(where, message, f"See {kind.__name__} in components/catalog/schema.py.")
