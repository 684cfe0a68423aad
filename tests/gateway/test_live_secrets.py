"""Keys change under live streams, and neither prompts nor keys are left behind."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateway.site import CHAT, Site, wait_until

pytestmark = [pytest.mark.gateway, pytest.mark.medium]
STREAMS = 40
PROMPT, QUERY, HEADER = "canary-prompt-7f3a", "canary-query-91c2", "canary-header-5d0e"


@pytest.fixture
def site(live_plan, world, tmp_path):
    fresh = Site(live_plan, tmp_path, world.names.port)
    fresh.key = fresh.issue("acme")
    yield fresh.start_with_engines(fresh.key)
    fresh.stop()


def test_a_reload_changes_the_keys_and_cuts_no_stream(site, world):
    """Three reloads under 40 streams of 5 seconds, long enough for all to be open at once."""
    asked = {"model": "simulated", "stream": True, "max_tokens": 1000}
    asked["messages"] = [{"role": "user", "content": "x"}]

    def status(key):
        with site.client(key) as client:
            return client.get("/v1/models").status_code

    old, new = site.key, None
    with site.client(site.key) as client, ThreadPoolExecutor(STREAMS) as pool:
        streams = [pool.submit(client.post, CHAT, json=asked) for _ in range(STREAMS)]
        wait_until(lambda: world.running() == STREAMS)
        for _ in range(3):
            new = site.issue("acme")
            site.revoke(site.key)
            site.key = new
            site.write_keys()
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda key=new: status(key) == 200)
        assert status(old) == 401
        answers = [done.result().text for done in streams]
    assert [answer.endswith("data: [DONE]\n\n") for answer in answers] == [True] * STREAMS


def test_neither_prompt_nor_key_nor_query_is_left_in_any_file(site):
    asked = {"model": "recorded", "messages": [{"role": "user", "content": PROMPT}]}
    large = {**asked, "padding": "x" * 1_000_000}
    with site.client(site.key, **{"X-Note": HEADER, "X-Session-ID": HEADER}) as client:
        assert client.post(CHAT, json=asked).status_code == 200
        assert client.post(CHAT, json=large).status_code == 200
        chunks = [b'{"model": "recorded", "prompt": "', PROMPT.encode(), b"x" * 900_000, b'"}']
        assert client.post(CHAT, content=iter(chunks)).status_code == 200
        assert client.post(CHAT, json={**asked, "model": "refusing"}).status_code == 502
        assert client.post(CHAT, json={**asked, "model": PROMPT}).status_code == 404
        assert client.post(CHAT, content=f'{{"{PROMPT}').status_code == 400
        assert client.post(f"{CHAT}?user={QUERY}", json=asked).status_code == 400
        assert client.get(f"/nowhere?user={QUERY}").status_code == 404
    with site.client("sk-test-canary-unknown") as stranger:
        assert stranger.post(CHAT, json=asked).status_code == 401
    site.stop()

    canaries = [text.encode() for text in (PROMPT, QUERY, HEADER, site.key, "sk-test-canary")]
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"access.log", "error.log", "keys.map"}
    assert [
        (path.name, canary) for path in files for canary in canaries if canary in path.read_bytes()
    ] == []
    assert "temporary file" not in (site.folder / "error.log").read_text()
    assert len(site.log()) == 9
