"""What a tenant may, counted by a real nginx: over all its keys, and by no one else's requests."""

from contextlib import ExitStack
from dataclasses import replace
from threading import Event

import pytest

from tests.gateway.site import CHAT, Site, wait_until

pytestmark = pytest.mark.gateway
ASK = {"model": "recorded", "messages": []}


@pytest.fixture
def site(live_plan, world, tmp_path):
    """A fresh gateway: nothing has been counted yet."""
    plan = replace(live_plan, strangers_per_minute=3)
    fresh = Site(plan, tmp_path, world.names.port)
    fresh.keys = {t.name: [fresh.issue(t.name), fresh.issue(t.name)] for t in plan.tenants}
    yield fresh.start_with_engines(fresh.keys["acme"][0])
    fresh.stop()


def test_a_minutes_share_may_come_at_once_and_belongs_to_the_tenant_not_to_a_key(site):
    """6 a minute over 2 replicas: each lets 3 through, then one every 20 seconds."""
    first, second = (site.client(key) for key in site.keys["minute"])
    with first, second:
        statuses = [c.post(CHAT, json=ASK).status_code for c in (first, second, first)]
        refused = second.post(CHAT, json=ASK)
    assert statuses == [200, 200, 200]
    assert refused.status_code == 429
    assert refused.headers.get_list("Retry-After") == ["20"]
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    with site.client(site.keys["default"][0]) as other:  # the same tier, another tenant
        assert other.post(CHAT, json=ASK | {"model": "default"}).status_code == 200


def test_open_requests_are_counted_by_tenant_and_a_finished_one_makes_room(site, world):
    """4 open over 2 replicas: each has room for 2."""
    release = Event()

    def stream(handler):
        handler.start_stream()
        handler.chunk(b"data: 1\n\n")
        release.wait(10)
        handler.chunk(b"")

    first, second = (site.client(key) for key in site.keys["few"])
    with ExitStack() as opened, world.engines["127.0.0.12"].doing(stream):
        for client in (first, second):
            opened.enter_context(client)
            answer = opened.enter_context(client.stream("POST", CHAT, json=ASK))
            assert answer.status_code == 200
        refused = first.post(CHAT, json=ASK)
        release.set()
    assert refused.status_code == 429
    assert refused.headers.get_list("Retry-After") == ["1"]
    with site.client(site.keys["few"][0]) as client:
        wait_until(lambda: client.post(CHAT, json=ASK).status_code == 200)


def test_an_address_that_tries_keys_is_slowed_down_and_its_neighbours_are_not(site):
    """3 a minute and a burst of 3: the fifth attempt is too many."""
    with site.client("sk-test-guess") as stranger:
        statuses = [stranger.post(CHAT, json=ASK).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    with site.client(site.keys["acme"][0]) as client:
        assert client.post(CHAT, json=ASK).status_code == 200
