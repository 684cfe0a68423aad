"""NetworkPolicies as nftables rules. Pure, but for the last lines.

A packet that opens a connection has to pass the egress rules of the pod it leaves and the ingress
rules of the pod it enters; what belongs to an open connection passes. What comes from a node itself
(probes, the way in from outside) is not filtered, as Kubernetes has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from .api import Json
from .network import run

TABLE = "deepseek-policies"
_ANY_PORT = ""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A running pod, as policies see it."""

    namespace: str
    address: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]  # by name


World = tuple[Sequence[Peer], Mapping[str, Mapping[str, str]]]  # pods; labels of namespaces


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Match a LabelSelector; an empty one matches all, None matches nothing."""
    if selector is None:
        return False
    equal = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in equal.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or []
    )


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def rules(
    policies: Iterable[Json],
    peers: Sequence[Peer],
    namespaces: Mapping[str, Mapping[str, str]],
) -> str:
    """Write the whole table: it replaces the one before in a single step."""
    world = (peers, namespaces)
    applied = [(policy, _subjects(policy, peers)) for policy in policies]
    lines: dict[str, list[str]] = {}
    isolated: dict[str, set[str]] = {}
    for direction, side, match in (("Ingress", "from", "daddr"), ("Egress", "to", "saddr")):
        chosen = [pair for pair in applied if direction in pair[0]["spec"]["policyTypes"]]
        isolated[direction] = {peer.address for _, subjects in chosen for peer in subjects}
        lines[direction] = [
            f"ip {match} {subject.address} {rule}"
            for policy, subjects in chosen
            for subject in subjects
            for rule in _openings(policy, direction, side, subject, world)
        ]
    return _table(isolated, lines)


def _subjects(policy: Json, peers: Sequence[Peer]) -> list[Peer]:
    namespace, selector = policy["metadata"]["namespace"], policy["spec"].get("podSelector") or {}
    return [p for p in peers if p.namespace == namespace and selects(selector, p.labels)]


def _openings(
    policy: Json, direction: str, side: str, subject: Peer, world: World
) -> Iterator[str]:
    """Yield what may pass, one rule per peer and port."""
    other = "saddr" if direction == "Ingress" else "daddr"
    for rule in policy["spec"].get(direction.lower()) or []:
        ports = rule.get("ports") or [{}]
        for peer in rule.get(side) or [None]:
            if peer is None or "ipBlock" in peer:
                for where in _blocks(peer, other):
                    for port in ports:
                        yield from _passes(where, port, [subject] if other == "saddr" else [])
                continue
            for found in _matching(peer, policy["metadata"]["namespace"], world):
                for port in ports:
                    target = subject if other == "saddr" else found
                    yield from _passes(f"ip {other} {found.address}", port, [target])


def _matching(peer: Json, own: str, world: World) -> list[Peer]:
    peers, namespaces = world
    spaces = {own}
    if "namespaceSelector" in peer:
        spaces = {
            n for n, labels in namespaces.items() if selects(peer["namespaceSelector"], labels)
        }
    pods = peer.get("podSelector") or {}
    return [p for p in peers if p.namespace in spaces and selects(pods, p.labels)]


def _blocks(peer: Json | None, other: str) -> Iterator[str]:
    if peer is None:
        yield ""
        return
    block = peer["ipBlock"]
    if not isinstance(ip_network(block["cidr"]), IPv4Network):
        return  # nobody has an IPv6 address here
    excepted = [c for c in block.get("except") or [] if isinstance(ip_network(c), IPv4Network)]
    without = f"ip {other} != {{ {', '.join(excepted)} }} " if excepted else ""
    yield f"{without}ip {other} {block['cidr']}"


def _passes(where: str, port: Json, targets: Sequence[Peer]) -> Iterator[str]:
    """Write one rule; a port by name is that of the pod which is entered."""
    protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
    if number is None:
        service = f"meta l4proto {protocol}" if port else _ANY_PORT
    elif isinstance(number, str):
        known = [target.ports[number] for target in targets if number in target.ports]
        if not known:
            return
        service = f"{protocol} dport {known[0]}"
    else:
        service = f"{protocol} dport {number}"
        service += f"-{port['endPort']}" if "endPort" in port else ""
    yield " ".join(filter(None, [where, service, "return"]))


def _table(isolated: Mapping[str, set[str]], lines: Mapping[str, Sequence[str]]) -> str:
    text = [f"table ip {TABLE} {{}}", f"delete table ip {TABLE}", f"table ip {TABLE} {{"]
    for direction in ("Egress", "Ingress"):
        match = "saddr" if direction == "Egress" else "daddr"
        text += [f"chain {direction.lower()} {{", *lines[direction]]
        if isolated[direction]:
            text.append(f"ip {match} {{ {', '.join(sorted(isolated[direction]))} }} counter drop")
        text.append("}")
    passing = "ct state established,related accept"
    text += [
        f"chain forward {{ type filter hook forward priority filter; {passing};",
        "jump egress; jump ingress; }",
        f"chain input {{ type filter hook input priority filter; {passing}; jump egress; }}",
        "}",
    ]
    return "\n".join(text) + "\n"


async def load(text: str) -> None:
    await run(["nft", "-f", "-"], text)
