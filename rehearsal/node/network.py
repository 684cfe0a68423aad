"""Addresses, and a network namespace with one cable for every pod."""

from __future__ import annotations

import asyncio
from collections import deque
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

POD_NETWORK = IPv4Network("10.64.0.0/16")
NODE_NETWORK = IPv4Network("10.63.0.0/24")
GATE = str(NODE_NETWORK[1])  # where the API server, and what comes from outside, is inside
_NODES = range(10, 250)
_PODS = range(2, 254)  # of the /24 of a node
_NAMES = Path("/run/netns")


class NetworkError(Exception):
    """The system refuses to set a network up."""


class Addresses:
    """Gives every node an address and a /24 for its pods; what is freed is used last."""

    def __init__(self) -> None:
        self._nodes = deque(_NODES)
        self._pods: dict[str, deque[str]] = {}

    def node(self) -> str:
        number = self._nodes.popleft()
        subnet = IPv4Network((int(POD_NETWORK[0]) + (number << 8), 24))
        address = str(NODE_NETWORK[number])
        self._pods.setdefault(address, deque(str(subnet[host]) for host in _PODS))
        return address

    def free_node(self, address: str) -> None:
        self._nodes.append(int(IPv4Address(address)) - int(NODE_NETWORK[0]))

    def pod(self, node: str) -> str:
        return self._pods[node].popleft()

    def free_pod(self, node: str, address: str) -> None:
        self._pods[node].append(address)


class PodNetwork:
    """A network namespace with a name, and a cable from it to the node."""

    def __init__(self, node: str, address: str) -> None:
        self.node, self.address = node, address
        # From the address, so that two agents never meet; a device name has 15 letters at most.
        self._name = "p" + format(int(IPv4Address(address)) - int(POD_NETWORK[0]), "05d")
        self.path = _NAMES / self._name

    async def up(self) -> None:
        await run(
            ["ip", "-batch", "-"],
            f"netns add {self._name}",
            f"link add {self._name} type veth peer name eth0 netns {self._name}",
            f"link set {self._name} up",
            f"route add {self.address}/32 dev {self._name} src {self.node}",
        )
        # The kernel's own setting of images' runtimes: any user may listen on any port.
        ports = "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
        await run(
            ["nsenter", f"--net={self.path}", "sh", "-c", f"{ports}; exec ip -batch -"],
            "link set lo up",
            f"address add {self.address}/32 dev eth0",
            "link set eth0 up",
            f"route add {self.node} dev eth0 scope link",
            f"route add default via {self.node}",
        )

    async def down(self) -> None:
        await run(
            ["ip", "-force", "-batch", "-"],
            f"link delete {self._name}",
            f"netns delete {self._name}",
            check=False,
        )


async def prepare(service_network: str) -> None:
    """Make the namespace that everything shares a router between pods."""
    await run(
        ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; exec ip -force -batch -"],
        f"address add {GATE}/32 dev lo",
        f"route add unreachable {POD_NETWORK}",
        # Without a route a program here could not even try; kube-proxy's rules do the rest.
        f"route add {service_network} dev lo src {GATE}",
        check=False,  # an agent that starts again finds them
    )


async def own(address: str) -> None:
    """Give this side the address of a node."""
    await run(["ip", "-force", "-batch", "-"], f"address add {address}/32 dev lo", check=False)


async def run(command: list[str], *lines: str, check: bool = True) -> None:
    """Run a program on lines of input; raises NetworkError with its words."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join([*lines, ""]).encode())
    if check and process.returncode:
        raise NetworkError(f"{' '.join(command)}: {said.decode(errors='replace').strip()}")
