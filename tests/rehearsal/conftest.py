"""A world for tools, and the real programs of the local engine for tests that run them."""

import pytest

from rehearsal.control_plane import TOOLS, ControlPlane
from rehearsal.tools import ensure
from tests.rehearsal.tool_world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def toolbox():
    """Return the programs of a control plane; the first session on a machine builds them."""
    return ensure([*TOOLS, "kubectl"], print)


@pytest.fixture(scope="module")
def plane(toolbox, tmp_path_factory):
    """Share one control plane among the tests that only ask it."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), toolbox, attached=True) as running:
        yield running
