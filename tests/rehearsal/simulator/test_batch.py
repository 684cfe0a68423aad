"""The batch model, step by step, without a clock: who is scheduled, preempted, refused."""

import json
import socket

import pytest

from rehearsal.engine.asking import answer_to
from rehearsal.engine.batch import Batch, BusyError
from rehearsal.engine.blocks import Blocks, prefix_keys
from rehearsal.engine.faults import Faults
from rehearsal.engine.options import parse
from rehearsal.engine.vllm_metrics import VllmMetrics
from tests.rehearsal.simulator.conftest import CHAT, HELLO


class Engine:
    def __init__(self, *options):
        self.options = parse(["--served-model-name=r1", "--context-tokens=64", *options])
        self.batch = Batch(self.options, Faults(), VllmMetrics("r1", {}))

    def add(self, prompt_tokens, max_tokens=10, **more):
        prompt = more.pop("prompt", None) or [id(more)] * prompt_tokens
        answer = answer_to(prompt, self.options, max_tokens=max_tokens, natural_end=False, **more)
        self.batch.add(answer)
        return answer

    def step(self):
        scheduled = self.batch._schedule()  # noqa: SLF001  # a step without its time
        self.seconds = self.batch._seconds(scheduled)  # noqa: SLF001  # as above
        self.batch._settle(scheduled)  # noqa: SLF001  # as above
        return list(scheduled.values())

    def counted(self, name):
        return sum(self.batch.metrics.values[name].values)


def test_a_long_prompt_is_prefilled_in_pieces_while_others_decode():
    engine = Engine("--max-batched-tokens=20", "--concurrency=4")
    first = engine.add(4)
    assert engine.step() == [4]
    engine.add(50)
    assert [engine.step() for _ in range(4)] == [[1, 19], [1, 19], [1, 12], [1, 1]]
    assert first.made == 5


def test_a_step_costs_a_floor_its_decodes_and_its_prompt_tokens():
    engine = Engine(
        "--decode-tokens-per-second=100",
        "--batch-tokens-per-second=1000",
        "--prefill-tokens-per-second=2000",
    )
    engine.add(20)
    engine.step()
    assert engine.seconds == pytest.approx(0.01 + 20 / 2000)
    engine.add(10)
    engine.step()
    assert engine.seconds == pytest.approx(0.01 + 1 / 1000 + 10 / 2000)


def test_the_places_are_limited_and_the_queue_is_in_order():
    engine = Engine("--concurrency=2")
    answers = [engine.add(4, max_tokens=2) for _ in range(3)]
    engine.step()
    assert engine.batch.running == answers[:2]
    engine.step()
    engine.step()
    assert [answer.ended for answer in answers] == ["length", "length", None]
    assert engine.batch.running == [answers[2]]


def test_a_full_cache_preempts_the_youngest_and_makes_it_again():
    engine = Engine("--kv-cache-tokens=64", "--no-prefix-cache")
    old, young = engine.add(31, max_tokens=20), engine.add(31, max_tokens=20)
    engine.step()
    engine.step()
    assert engine.batch.blocks.used == 4
    engine.step()  # the 33rd token of the old one takes a block from the young one
    assert (old.preemptions, young.preemptions) == (0, 1)
    assert engine.batch.waiting == [young]
    assert engine.counted("num_preemptions") == 1
    while not young.done:
        engine.step()
    assert (old.made, young.made, engine.batch.blocks.used) == (20, 20, 0)


def test_lower_priority_values_go_first_and_the_highest_is_preempted():
    engine = Engine("--scheduling-policy=priority", "--concurrency=1")
    later, sooner = engine.add(4, priority=5), engine.add(4, priority=-1)
    engine.step()
    assert (engine.batch.running, engine.batch.waiting) == ([sooner], [later])
    engine = Engine("--scheduling-policy=priority", "--kv-cache-tokens=64", "--no-prefix-cache")
    low, high = engine.add(31, priority=9), engine.add(31, priority=0)
    for _ in range(3):
        engine.step()
    assert (low.preemptions, high.preemptions) == (1, 0)


def test_first_come_first_served_ignores_priority():
    engine = Engine("--concurrency=1")
    first = engine.add(4, priority=9)
    engine.add(4, priority=0)
    engine.step()
    assert engine.batch.running == [first]


def test_a_prefix_is_found_again_but_never_the_last_token():
    engine = Engine()
    prompt = list(range(32))
    engine.add(0, prompt=prompt)
    assert engine.step() == [32]
    again = engine.add(0, prompt=prompt)
    assert engine.step() == [1, 16]
    assert again.cached == 16
    assert engine.batch.blocks.used == 3  # two shared, and one for the first answer


def test_an_idle_prefix_is_forgotten_when_its_place_is_needed():
    blocks = Blocks(3, 16)
    one, two = prefix_keys(range(32), 16), prefix_keys(range(100, 148), 16)
    assert blocks.take(one)
    blocks.give(one)
    assert (blocks.used, blocks.cached(one)) == (0, 2)
    assert blocks.take(two)
    assert (blocks.used, blocks.cached(one), blocks.take([0])) == (3, 0, False)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--max-queued-requests=2", "max_num_queued_reqs"),
        ("--max-queued-tokens=8", "max_num_queued_tokens"),
    ],
)
def test_admission_is_limited(option, reason):
    engine = Engine(option)
    for _ in range(2):
        engine.batch.check_admission(1)
        engine.add(4)
    with pytest.raises(BusyError, match=reason):
        engine.batch.check_admission(1)
    assert engine.counted("admission_rejections") == 1


@pytest.mark.medium
def test_a_full_queue_is_a_503_and_streams_too(start, until):
    simulator = start("--max-queued-requests=1", "--decode-tokens-per-second=1")
    with simulator.stream(max_tokens=90):
        until(lambda: simulator.places() == [1, 0])
        for stream in (False, True):
            answer = simulator.ask(max_tokens=1, stream=stream)
            assert (answer.status_code, answer.json()["error"]["type"]) == (
                503,
                "Service Unavailable",
            )
            assert "Retry-After" not in answer.headers
        assert (
            simulator.metric("vllm:admission_rejections_total", reason="max_num_queued_reqs") == 2
        )


@pytest.mark.medium
def test_who_finds_no_place_waits_and_who_leaves_makes_room(start, until):
    simulator = start("--concurrency=1", "--decode-tokens-per-second=2")
    with simulator.stream(max_tokens=90):
        until(lambda: simulator.places() == [1, 0])
        body = json.dumps({"model": "r1", "messages": HELLO}).encode()
        head = (
            f"POST {CHAT} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        with socket.create_connection(("127.0.0.1", simulator.port)) as second:
            second.sendall(f"{head}\r\n\r\n".encode() + body)
            until(lambda: simulator.places() == [1, 1])
        until(lambda: simulator.places() == [1, 0])  # it left the queue
    until(lambda: simulator.places() == [0, 0])  # and this one its place
