"""`.rehearsal/access.json`, as its readers see it: addresses, keys, and why something is null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.problems import PlanError, Problem

ACCESS = Path(__file__).parents[1] / ".rehearsal" / "access.json"  # where `make up` leaves it
SCHEMA = 1
NO_MONITORING = "there is no monitoring slice yet"
FIRST = "Run `make up` first, or name another file with --access."
AGAIN = "Run `make down` and `make up`."


def read_access(path: Path, *, without: str = FIRST) -> dict[str, Any]:
    """Read it; PlanError says what to do when that cannot be done, `without` when it is absent."""
    try:
        access: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _refusal(path, f"it cannot be read: {error.strerror}", without) from None
    except ValueError:
        raise _refusal(path, "it is no JSON", AGAIN) from None
    if not isinstance(access, dict):
        raise _refusal(path, "it is no JSON object", AGAIN)
    if access.get("schema") != SCHEMA:
        what = f"its schema is {access.get('schema')!r}, and this reads {SCHEMA}"
        raise _refusal(path, what, AGAIN)
    return access


def why_null(access: Mapping[str, Any], name: str) -> str:
    """Give the reason that stands beside a null."""
    return str((access.get("reasons") or {}).get(name, "no reason is given"))


def missing(path: Path, access: Mapping[str, Any], name: str) -> Problem:
    return Problem(f"{path}: {name}", f"it is null: {why_null(access, name)}", AGAIN)


def _refusal(path: Path, what: str, fix: str) -> PlanError:
    return PlanError([Problem(str(path), what, fix)])
