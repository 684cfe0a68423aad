"""A world for tools, and the real programs of the local engine for tests that run them."""

import pytest

from rehearsal.control_plane import TOOLS
from rehearsal.tools import ensure
from tests.rehearsal.tool_world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def toolbox():
    """Return the programs of a control plane; the first session on a machine builds them."""
    return ensure([*TOOLS, "kubectl"], print)
