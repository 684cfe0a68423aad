"""What a tenant of a tier may, split over the replicas: nginx counts in each for itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..problems import Problem
from .spec import TierSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class TierPlan:
    name: str
    slug: str  # the name as part of an nginx variable
    requests_per_minute: int
    concurrent_requests: int
    replica_requests_per_minute: int
    replica_burst: int  # requests beyond the first that may come at once; 0 renders none
    replica_concurrent_requests: int
    retry_after_seconds: int  # until the bucket holds one request again


def plan_tier(name: str, tier: TierSpec, replicas: int) -> TierPlan:
    """Give each replica its share, rounded down: together they never allow more than the limit."""
    rate = tier.requests_per_minute // replicas
    return TierPlan(
        name=name,
        slug=name.replace("-", "_"),
        requests_per_minute=tier.requests_per_minute,
        concurrent_requests=tier.concurrent_requests,
        replica_requests_per_minute=rate,
        replica_burst=rate - 1,
        replica_concurrent_requests=tier.concurrent_requests // replicas,
        retry_after_seconds=-(-60 // rate),
    )


def check_tier(name: str, tier: TierSpec, replicas: int) -> Iterator[Problem]:
    """Refuse limits that are too small to be shared out."""
    for limit in ("requests_per_minute", "concurrent_requests"):
        value: int = getattr(tier, limit)
        if value < replicas:
            yield Problem(
                f"gateway.tiers.{name}.{limit}",
                f"each of {replicas} gateway replicas counts for itself and gets its share: "
                f"{value} / {replicas} rounds down to 0",
                f"Set it to {replicas} or more, or use fewer gateway replicas.",
            )
