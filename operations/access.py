"""`.rehearsal/access.json`, as its readers see it: addresses, keys, and why something is null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.problems import PlanError, Problem

ACCESS = Path(__file__).parents[1] / ".rehearsal" / "access.json"  # where `make up` leaves it
SCHEMA = 1
AGAIN = "Run `make down` and `make up`."


def read_access(path: Path) -> dict[str, Any]:
    """Read it; PlanError says what to do when there is none."""
    try:
        access = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        fix = "Run `make up` first, or name another file with --access."
        raise PlanError([Problem(str(path), "there is no such file", fix)]) from None
    except OSError as error:
        raise PlanError([Problem(str(path), str(error.strerror), AGAIN)]) from None
    except ValueError:
        raise PlanError([Problem(str(path), "it is no JSON", AGAIN)]) from None
    if not isinstance(access, dict) or access.get("schema") != SCHEMA:
        raise PlanError([Problem(str(path), f"it is not of schema {SCHEMA}", AGAIN)])
    return access


def why_null(access: Mapping[str, Any], name: str) -> str:
    """Give the reason that stands beside a null."""
    return str((access.get("reasons") or {}).get(name, "no reason is given"))


def missing(path: Path, access: Mapping[str, Any], name: str) -> Problem:
    return Problem(f"{path}: {name}", f"it is null: {why_null(access, name)}", AGAIN)
