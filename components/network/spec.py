"""What a user may say about who reaches the gateway and what the pods may reach."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..spec import Spec


def _network(text: str) -> str:
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, which no NetworkPolicy knows")
    return str(ip_network(text))  # ValueError says what is wrong with it


def _some(networks: tuple[str, ...]) -> tuple[str, ...]:
    # Not min_length: pydantic counts valid entries, and would complain twice about one bad one.
    if not networks:
        raise ValueError("an empty list lets nobody in")
    return networks


Cidr = Annotated[str, AfterValidator(_network)]


class NetworkSpec(Spec):
    exposure: Literal["internal", "public"] = Field(
        description="internal: a cluster address, reached from private networks; "
        "public: a load balancer, reached from anywhere"
    )
    egress: Literal["closed", "open"] = Field(
        description="closed: the engines reach nothing but DNS; open: also HTTPS anywhere"
    )
    client_cidrs: Annotated[tuple[Cidr, ...], AfterValidator(_some)] | None = Field(
        default=None,
        strict=False,
        description="networks whose clients may reach the gateway; derived from exposure if absent",
    )
