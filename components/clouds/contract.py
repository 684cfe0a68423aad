"""What every place to run must answer. Proven for all of them by tests/contracts."""

from __future__ import annotations

from typing import Protocol

from ..catalog.schema import Accelerator


class Cloud(Protocol):
    name: str

    def pool_labels(self, accelerator: Accelerator) -> dict[str, str] | None:
        """Labels by which nodes with this GPU are found; None where nobody knows them."""
