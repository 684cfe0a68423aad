"""Ports: free ones, and words for those that are not."""

import socket

import pytest

from components.problems import Problem
from rehearsal.control_plane import ControlPlane, ControlPlaneError
from rehearsal.ports import free_ports, is_free, trouble
from rehearsal.tools import Toolbox


def test_free_ports_are_all_different_and_free():
    ports = free_ports("127.0.0.1", 20)
    assert len(set(ports)) == 20
    assert all(is_free("127.0.0.1", port) for port in ports)


def test_a_taken_api_port_is_refused_with_the_setting_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ControlPlaneError) as refused:
            ControlPlane.start(tmp_path / "s", Toolbox({}), attached=True, api_port=port)
    assert refused.value.problems == (
        Problem(
            "API_PORT",
            f"port {port} on 127.0.0.1 is taken by another program",
            "Set API_PORT to another port, or unset it to get a free one.",
        ),
    )


@pytest.mark.parametrize("port", [70000, -1])
def test_a_number_that_is_no_port_is_refused(port):
    problem = trouble("127.0.0.1", port, "API_PORT")
    assert problem.fix == (
        "Set API_PORT to a port from 1024 to 65535, or unset it to get a free one."
    )
