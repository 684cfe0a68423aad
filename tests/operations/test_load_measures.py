"""Percentiles and endings, in exact numbers; events however a body is cut into pieces."""

import pytest

from operations.load.events import Events
from operations.load.measures import Ending, Loss, Measures, Result, Times


def times(*milliseconds):
    found = Times()
    for value in milliseconds:
        found.add(value / 1000)
    return found


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed():
    assert times(*range(1, 101)).percentiles() == {
        "p50": 0.05,
        "p90": 0.09,
        "p95": 0.095,
        "p99": 0.099,
    }
    assert times(1, 2, 3).percentiles() == {"p50": 0.002, "p90": 0.003, "p95": 0.003, "p99": 0.003}
    assert times(7).percentiles() == dict.fromkeys(("p50", "p90", "p95", "p99"), 0.007)


def test_nothing_measured_has_no_percentiles():
    assert set(times().percentiles().values()) == {None}


@pytest.mark.parametrize(
    ("endings", "all_served"),
    [
        ({Ending.SERVED: 2}, True),
        ({Ending.SERVED: 1, Ending.REFUSED: 1}, False),
        ({Ending.SERVED: 1, Ending.CUT: 1}, False),
        ({Ending.SERVED: 1, Ending.TIMEOUT: 1}, False),
        ({Ending.SERVED: 1}, False),  # one of two has not ended
    ],
)
def test_all_is_served_when_every_request_that_was_offered_is(endings, all_served):
    measures = Measures(offered=2)
    measures.endings.update(endings)
    result = Result(profile={}, offered_seconds=1, seconds=1, measures=measures)
    assert result.all_served is all_served


def test_the_same_loss_adds_up():
    measures = Measures()
    for status in (429, 429, 503):
        measures.lost(Ending.REFUSED, "why", status)
    assert measures.endings == {Ending.REFUSED: 3}
    assert measures.losses == {
        Loss(Ending.REFUSED, 429, "why"): 2,
        Loss(Ending.REFUSED, 503, "why"): 1,
    }


BODY = b'data: {"a": 1}\n\n: a comment\n\nevent: x\r\ndata:{"b": 2}\r\n\r\ndata: [DONE]\n\n'


@pytest.mark.parametrize("size", range(1, len(BODY) + 1))
def test_events_are_the_same_however_the_body_is_cut(size):
    events = Events()
    pieces = [BODY[begin : begin + size] for begin in range(0, len(BODY), size)]
    found = [data for piece in pieces for data in events.feed(piece)]
    assert found == [b'{"a": 1}', b'{"b": 2}', b"[DONE]"]
