"""What may be wrong with the engine; the admin port sets it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields


class BadFaultError(ValueError):
    """The fault does not exist, or not so."""


@dataclass
class Faults:
    """All off at first; each can be taken back."""

    hang: bool = False  # no step is made; the API goes on, and /health stays 200
    freeze: bool = False  # nothing is answered at all: connections open, and stay silent
    slow: float = 1  # every step takes so many times as long
    error_rate: float = 0  # share of the requests that are answered with error_status
    error_status: int = 500
    nan: bool = False  # every token is garbage
    kv_full: bool = False  # no block is left for anything new
    stale_metrics: bool = False  # /metrics keeps saying what it said

    def change(self, changes: object) -> None:
        """Set some of them; BadFaultError, and nothing set, where one is not to be had."""
        if not isinstance(changes, dict):
            raise BadFaultError("send an object of faults")
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise BadFaultError(f"there is no fault {name}; there are {', '.join(known)}")
            wanted = bool if isinstance(known[name], bool) else (int, float)
            if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
                raise BadFaultError(f"{name} cannot be {value!r}")
        after = {**known, **changes}
        if not (after["slow"] > 0 and 0 <= after["error_rate"] <= 1):
            raise BadFaultError("slow must be more than 0, error_rate between 0 and 1")
        if after["error_status"] not in range(500, 600):
            raise BadFaultError("error_status must be between 500 and 599")
        for name, value in changes.items():
            setattr(self, name, value)

    def clear(self) -> None:
        for field in fields(self):
            setattr(self, field.name, field.default)

    def state(self) -> dict[str, object]:
        return asdict(self)
