"""Where two plans differ, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

_MISSING = object()


def differences(deployed: object, planned: object) -> Sequence[str]:
    """List the places whose values differ, as `gateway.replicas: 3 deployed, 2 planned`."""
    return list(_walk("", deployed, planned))


def _walk(where: str, one: object, other: object) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _walk(
                f"{where}.{key}".lstrip("."), one.get(key, _MISSING), other.get(key, _MISSING)
            )
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, pair in enumerate(zip(one, other, strict=True)):
            yield from _walk(f"{where}.{position}", *pair)
    elif one != other:
        yield f"{where or 'the whole'}: {_shown(one)} deployed, {_shown(other)} planned"


def _shown(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    if isinstance(value, dict | list):
        return f"{len(value)} entries"
    return json.dumps(value, ensure_ascii=False)
