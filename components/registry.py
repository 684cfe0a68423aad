"""Extension points are folders: what lies in the folder is what exists."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import AfterValidator

from .problems import nearest

T = TypeVar("T")

CONTRACT = "contract"  # the one module of an extension point that is not an extension


def discover(package: str, attribute: str) -> dict[str, Any]:
    """Import every extension of `package`; file name and declared name must agree.

    Raises ValueError where they differ: the file name is the identifier people type.
    """
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name == CONTRACT:
            continue
        entry = getattr(importlib.import_module(f"{package}.{module.name}"), attribute)
        if entry.name != module.name.replace("_", "-"):
            raise ValueError(f"{package}.{module.name} calls itself {entry.name!r}; rename one")
        found[entry.name] = entry
    return found


def known(kind: str, table: Mapping[str, T], key: str) -> T:
    """Look `key` up, or refuse it (ValueError) with the nearest and all known keys."""
    try:
        return table[key]
    except KeyError:
        listed = ", ".join(sorted(table))
        raise ValueError(f"unknown {kind} {key!r}. {nearest(key, table)}Known: {listed}") from None


def name_of(kind: str, table: Callable[[], Mapping[str, object]]) -> AfterValidator:
    """Validate a spec field that names an entry of `table`, read when a spec is loaded."""

    def check(name: str) -> str:
        known(kind, table(), name)
        return name

    return AfterValidator(check)
