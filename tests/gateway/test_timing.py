from components.gateway.timing import plan_times
from components.lifecycle import LONGEST_STREAM_SECONDS


def test_each_time_outlasts_the_one_before():
    times = plan_times()
    assert times.read_seconds == LONGEST_STREAM_SECONDS
    assert times.read_seconds < times.shutdown_seconds
    assert times.pre_stop_seconds + times.shutdown_seconds < times.grace_seconds


def test_a_second_engine_is_tried_after_the_first_did_not_even_connect():
    times = plan_times()
    assert times.failover_seconds > 2 * times.connect_seconds
