"""Every timeout of the gateway: each is longer than what it has to outlast. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..lifecycle import GRACE_SECONDS, LONGEST_STREAM_SECONDS, MARGIN_SECONDS, PRE_STOP_SECONDS

CONNECT_SECONDS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class TimesPlan:
    header_seconds: int
    body_seconds: int
    connect_seconds: int
    failover_seconds: int
    read_seconds: int
    shutdown_seconds: int  # what a reload or a stop gives open streams before it cuts them
    pre_stop_seconds: int
    grace_seconds: int


def plan_times() -> TimesPlan:
    """Derive all from the longest stream that we promise to finish."""
    return TimesPlan(
        header_seconds=10,
        body_seconds=30,
        connect_seconds=CONNECT_SECONDS,
        failover_seconds=2 * CONNECT_SECONDS + 1,  # two attempts that both run into their timeout
        read_seconds=LONGEST_STREAM_SECONDS,
        # Longer than any stream, and over before the kubelet's patience is.
        shutdown_seconds=LONGEST_STREAM_SECONDS + MARGIN_SECONDS // 2,
        pre_stop_seconds=PRE_STOP_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )
