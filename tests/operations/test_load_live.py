"""Load on a real server: what is served, what is lost and why, and how it stops."""

import json

import pytest

from components.problems import PlanError
from operations import certificates
from operations.load import Lengths, Load, Profile, Target
from operations.load.measures import Loss

TOKENS = 8
KEY = "canary-key"


def target(engine, **fields):
    return Target(**({"url": engine.url, "keys": (KEY,)} | fields))


def profile(model="good", **fields):
    chosen = {
        "arrivals": "constant",
        "requests_per_second": 50,
        "duration_seconds": 0.2,  # ten requests
        "lengths": (Lengths(16, TOKENS),),
        "models": ((model, 1),),
        "timeout_seconds": 20,
    }
    return Profile(**(chosen | fields))


def run(engine, model="good", **fields):
    with Load(target(engine), profile(model, **fields)) as load:
        return load.wait()


def test_streams_are_served_and_every_token_is_counted(engine):
    result = run(engine)
    measures = result.measures
    assert (measures.offered, result.served, result.all_served) == (10, 10, True)
    assert (measures.ttft.count, measures.inter_token.count) == (10, 10 * (TOKENS - 1))
    assert (measures.end_to_end.count, measures.lateness.count) == (10, 10)
    assert (measures.prompt_tokens, measures.output_tokens) == (10 * 7, 10 * TOKENS)
    assert result.offered_seconds == 0.2


def test_whole_answers_have_an_end_and_no_first_token(engine):
    measures = run(engine, streaming_share=0).measures
    assert (measures.ttft.count, measures.inter_token.count) == (0, 0)
    assert (measures.end_to_end.count, measures.output_tokens) == (10, 10 * TOKENS)


def test_tokens_are_counted_by_their_events_where_no_usage_is_sent(engine):
    assert run(engine, "quiet").measures.output_tokens == 10 * TOKENS


@pytest.mark.parametrize(
    ("model", "share", "loss"),
    [
        ("limited", 1, Loss("refused", 429, "Too Many Requests")),
        ("broken", 1, Loss("refused", 503, "Service Unavailable")),
        ("resets", 1, Loss("refused", None, "closed without an answer")),
        ("short", 1, Loss("cut", None, "ended without [DONE]")),
        ("cut", 1, Loss("cut", None, "connection broke off")),
        ("errs", 1, Loss("cut", None, "an error event in the stream")),
        ("garbles", 1, Loss("cut", None, "unreadable")),
        ("short", 0, Loss("cut", None, "connection broke off")),
        ("garbles", 0, Loss("cut", None, "unreadable")),
    ],
)
def test_every_loss_has_its_reason(engine, model, share, loss):
    result = run(engine, model, streaming_share=share, keep_alive=False)
    assert result.measures.losses == {loss: 10}
    assert (result.served, result.all_served) == (0, False)
    assert {"refused": result.refused, "cut": result.cut}[loss.ending] == 10
    assert result.measures.end_to_end.count == 0


def test_what_is_not_answered_in_time_is_a_timeout(engine):
    result = run(engine, "silent", timeout_seconds=0.3)
    assert result.measures.losses == {Loss("timeout", None, "timeout before the first token"): 10}
    assert result.timed_out == 10


def test_what_is_answered_too_slowly_is_a_timeout_in_the_answer(engine):
    slow = (Lengths(1, 10_000),)
    result = run(engine, lengths=slow, timeout_seconds=0.5)
    assert result.measures.losses == {Loss("timeout", None, "timeout in the answer"): 10}


def test_a_wrong_key_is_refused_and_nobody_there_is_too(engine, start_engine):
    with Load(target(engine, keys=("wrong",)), profile()) as load:
        assert load.wait().measures.losses == {Loss("refused", 401, "Unauthorized"): 10}
    gone = start_engine()
    gone.kill()
    assert run(gone).measures.losses == {Loss("refused", None, "connection refused"): 10}


def test_waiting_is_part_of_the_latency(engine):
    """Ten requests due within 0.1 s, one at a time: the last one waits for nine others."""
    tokens = 40
    one_by_one = {"max_in_flight": 1, "lengths": (Lengths(1, tokens),)}
    result = run(engine, requests_per_second=100, duration_seconds=0.1, **one_by_one)
    assert result.served == 10
    service = tokens * 0.002
    slowest = result.measures.end_to_end.percentiles()["p99"]
    assert slowest >= 10 * service - 0.1
    assert result.measures.lateness.percentiles()["p99"] >= 9 * service - 0.1


def test_no_more_are_in_flight_than_allowed(engine):
    seen = []
    with Load(target(engine), profile(max_in_flight=3, lengths=(Lengths(1, 40),))) as load:
        while not load.over:
            seen.append(load.streaming)
        assert load.stop().served == 10
    assert max(seen) == 3


@pytest.mark.medium
def test_connections_are_kept_or_new_for_each_request(start_engine):
    """Five requests, one at a time; the sixth connection is the one that counts them."""
    for keep_alive, connections in ((True, 2), (False, 6)):
        engine = start_engine()
        counted = {"requests_per_second": 10, "duration_seconds": 0.5, "max_in_flight": 1}
        run(engine, keep_alive=keep_alive, **counted)
        assert engine.counts()["connections"] == connections


def test_stop_lets_the_streams_end(engine):
    long = profile(duration_seconds=60, lengths=(Lengths(16, 100),))
    with Load(target(engine), long) as load:
        load.wait_until_streaming(5)
        assert not load.over
        result = load.stop()
    assert result.all_served
    assert 5 <= result.served < 60 * 50
    assert result.offered_seconds < 60
    assert load.over
    assert load.streaming == 0


def test_abandoned_streams_are_neither_served_nor_lost_by_the_server(engine):
    long = profile(duration_seconds=60, lengths=(Lengths(16, 100_000),), timeout_seconds=3600)
    with Load(target(engine), long) as load:
        load.wait_until_streaming(5)
        result = load.abandon()
    assert result.abandoned == result.measures.offered >= 5
    assert (result.refused, result.cut, result.timed_out) == (0, 0, 0)


def test_what_was_held_back_is_not_sent_after_all_is_abandoned(engine):
    held = {"duration_seconds": 60, "lengths": (Lengths(16, 100_000),), "max_in_flight": 2}
    with Load(target(engine), profile(**held, timeout_seconds=3600)) as load:
        load.wait_until_streaming(2)
        result = load.abandon()
    assert result.abandoned == result.measures.offered
    assert 2 <= result.measures.offered <= 3


def test_leaving_the_block_ends_the_load(engine):
    long = profile(duration_seconds=60, lengths=(Lengths(16, 100_000),), timeout_seconds=3600)
    with Load(target(engine), long) as load:
        load.wait_until_streaming(1)
    assert load.over


def test_waiting_for_streams_that_cannot_come_says_why(engine):
    with (
        Load(target(engine), profile("limited")) as load,
        pytest.raises(TimeoutError, match=r"not 5 streams in flight.*but 0.*offered 10.*429"),
    ):
        load.wait_until_streaming(5)


def test_an_engine_that_dies_cuts_its_streams_and_refuses_the_next(start_engine):
    engine = start_engine(0.002)
    with Load(target(engine), profile(duration_seconds=60, lengths=(Lengths(1, 5000),))) as load:
        load.wait_until_streaming(5)
        engine.kill()
        load.wait_until_lost(10)
        result = load.stop()
    assert result.cut >= 5
    assert result.measures.losses[Loss("refused", None, "connection refused")] >= 1
    assert result.refused + result.cut == result.measures.offered


def test_models_are_asked_for_where_none_is_named(engine):
    with Load(target(engine), profile(models=())) as load:
        result = load.wait()
    assert result.all_served
    assert result.profile["models"] == [("good", 1.0)]


def test_a_private_ca_is_trusted_when_it_is_given(start_engine, tmp_path):
    made = json.loads(certificates.issue_certificate(["localhost"], days=1))
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    engine = start_engine(0.002, tmp_path / "tls.crt", tmp_path / "tls.key")
    url = f"https://localhost:{engine.port}"
    with Load(target(engine, url=url, ca_file=tmp_path / "ca.crt"), profile()) as load:
        assert load.wait().all_served
    with Load(target(engine, url=url), profile()) as load:
        assert load.wait().measures.losses == {Loss("refused", None, "certificate refused"): 10}
    with (
        Load(target(engine, url=url), profile(models=())) as load,
        pytest.raises(PlanError, match="it does not answer: certificate refused"),
    ):
        load.wait()


@pytest.mark.medium
def test_200_streams_at_once_are_all_served(start_engine):
    """250 requests within 1.25 s, each of 6 s."""
    crowd = profile(requests_per_second=200, duration_seconds=1.25, lengths=(Lengths(1, 60),))
    with Load(target(start_engine(0.1)), crowd) as load:
        load.wait_until_streaming(200)
        result = load.stop()
    assert result.all_served
