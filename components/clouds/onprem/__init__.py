"""A cluster that the user owns: its nodes are selected by label, never created."""

from __future__ import annotations

from ...catalog.schema import Accelerator


class OnPrem:
    name = "onprem"

    def pool_labels(self, accelerator: Accelerator) -> dict[str, str] | None:
        """Take what the vendor's feature discovery writes on such nodes."""
        return accelerator.node_labels


CLOUD = OnPrem()
