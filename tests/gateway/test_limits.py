from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from components.gateway.limits import check_tier, plan_tier
from components.gateway.spec import TierSpec


def test_each_replica_gets_its_share_rounded_down():
    tier = TierSpec(requests_per_minute=100, concurrent_requests=7)
    assert asdict(plan_tier("gold-eu", tier, replicas=3)) == {
        "name": "gold-eu",
        "slug": "gold_eu",
        "requests_per_minute": 100,
        "concurrent_requests": 7,
        "replica_requests_per_minute": 33,
        "replica_burst": 32,
        "replica_concurrent_requests": 2,
        "retry_after_seconds": 2,
    }


def test_both_limits_of_which_a_replica_would_get_nothing_are_refused():
    tier = TierSpec(requests_per_minute=1, concurrent_requests=1)
    assert [problem.where for problem in check_tier("gold", tier, replicas=2)] == [
        "gateway.tiers.gold.requests_per_minute",
        "gateway.tiers.gold.concurrent_requests",
    ]


@given(
    rate=st.integers(1, 60_000_000),
    open_at_once=st.integers(1, 65_535),
    replicas=st.integers(1, 99),
)
def test_what_is_not_refused_never_allows_more_than_the_limit_and_always_something(
    rate, open_at_once, replicas
):
    tier = TierSpec(requests_per_minute=rate, concurrent_requests=open_at_once)
    if list(check_tier("gold", tier, replicas)):
        return
    plan = plan_tier("gold", tier, replicas)
    assert 0 < plan.replica_requests_per_minute * replicas <= rate
    assert 0 < plan.replica_concurrent_requests * replicas <= open_at_once
    assert plan.replica_burst + 1 == plan.replica_requests_per_minute
    assert plan.retry_after_seconds * plan.replica_requests_per_minute >= 60
