"""One exposition, and the difference of two: exact numbers, PromQL's quantiles, broken text."""

from math import inf, nan

import pytest

from operations.top.frames import rows
from operations.top.readings import OUTPUT, PROMPT, Reading, Window, quantile, read

LABELS = 'engine="0",model_name="deepseek-r1"'
# Names, types and order as vLLM 0.32.0 exposes them.
EXPOSITION = f"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{{LABELS}}} 3.0
vllm:num_requests_running{{engine="1",model_name="deepseek-r1"}} 2.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{{LABELS}}} 4.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{{{LABELS}}} 0.25
vllm:kv_cache_usage_perc{{engine="1",model_name="deepseek-r1"}} 0.5
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{{{LABELS}}} 100.0
# HELP vllm:prompt_tokens_created Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{{{LABELS}}} 1.7953223361209e+09
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{{{LABELS}}} 50.0
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{{engine="0",le="0.1",model_name="deepseek-r1"}} 2.0
vllm:time_to_first_token_seconds_bucket{{engine="0",le="+Inf",model_name="deepseek-r1"}} 5.0
vllm:time_to_first_token_seconds_count{{{LABELS}}} 5.0
vllm:time_to_first_token_seconds_sum{{{LABELS}}} 1.0
"""


def test_a_whole_exposition_is_read():
    assert read(EXPOSITION, 7) == Reading(
        at=7,
        running=5,
        waiting=4,
        cache_share=0.5,
        counters={PROMPT: 100, OUTPUT: 50},
        buckets={0.1: 2, inf: 5},
    )


def test_what_stands_before_a_broken_line_still_counts():
    broken = EXPOSITION.replace("# HELP vllm:kv_cache", "vllm:kv_cache{ oops\n# HELP vllm:kv_cache")
    reading = read(broken, 0)
    assert (reading.running, reading.cache_share) == (5, None)
    [problem] = reading.problems
    assert problem.startswith("the exposition is broken")


@pytest.mark.parametrize("cut", range(0, len(EXPOSITION), 7))
def test_no_cut_of_an_exposition_is_an_error(cut):
    reading = read(EXPOSITION[:cut], 0)
    assert reading.running in (None, 3, 5)


@pytest.mark.parametrize("text", ["", "<html>", "\x00\xff", "up 1\n"])
def test_what_is_no_engine_says_so(text):
    reading = read(text, 0)
    assert not reading.answers
    assert "none of vLLM's metrics is there" in reading.problems


def test_a_figure_that_is_none_is_left_out_and_told():
    reading = read(EXPOSITION.replace("} 0.25", "} NaN").replace("} 0.5", "} NaN"), 0)
    assert reading.cache_share is None
    assert reading.running == 5
    assert reading.problems == ("vllm:kv_cache_usage_perc is nan",)


def test_a_rate_is_the_difference_of_a_counter_and_survives_its_restart():
    readings = [Reading(at, counters={OUTPUT: count}) for at, count in ((0, 10), (4, 30), (6, 8))]
    assert Window(readings[0], readings[1]).per_second(OUTPUT) == 5
    assert Window(readings[1], readings[2]).per_second(OUTPUT) == 4
    assert Window(Reading(0), readings[1]).per_second(OUTPUT) is None
    assert Window(readings[1], readings[1]).per_second(OUTPUT) is None


def test_only_first_tokens_of_the_window_count():
    before, after = Reading(0, buckets={1: 4, inf: 5}), Reading(1, buckets={1: 6, inf: 9})
    assert Window(before, after).first_tokens() == {1: 2, inf: 4}
    assert Window(after, before).first_tokens() == {1: 4, inf: 5}  # it was started anew


@pytest.mark.parametrize(
    ("share", "buckets", "seconds"),
    [  # as histogram_quantile answers
        (0.5, {1: 10, 2: 10, inf: 10}, 0.5),
        (0.95, {1: 0, 2: 10, inf: 10}, 1.95),
        (0.5, {1: 5, 3: 10, inf: 10}, 1),
        (0.75, {1: 5, 3: 10, inf: 10}, 2),
        (0.95, {1: 5, 3: 9, inf: 10}, 3),
        (0.5, {1: 0, inf: 0}, None),
        (0.5, {}, None),
        (0.5, {inf: nan}, None),
    ],
)
def test_quantiles_are_those_of_promql(share, buckets, seconds):
    assert quantile(share, buckets) == (seconds if seconds is None else pytest.approx(seconds))


def test_a_server_of_several_replicas_has_a_row_of_all_that_answer():
    busy = {"running": 2, "waiting": 1, "cache_share": 0.2}
    before = {
        "a": Reading(0, counters={OUTPUT: 0}, buckets={1: 0, inf: 0}),
        "b": Reading(0, counters={OUTPUT: 0}, buckets={1: 0, inf: 0}),
        "c": Reading(0, problems=("gone",)),
        "d": Reading(0),
    }
    after = {
        "a": Reading(2, counters={OUTPUT: 10}, buckets={1: 4, inf: 4}, **busy),
        "b": Reading(
            2, counters={OUTPUT: 30}, buckets={1: 0, inf: 4}, **(busy | {"cache_share": 0.9})
        ),
        "c": Reading(2, problems=("gone",)),
        "d": Reading(2, running=0),
    }
    found = rows({"r1": ["a", "b", "c"], "v3": ["d"]}, before, after)
    assert [(row.server, row.url) for row in found] == [
        *(("r1", url) for url in (None, "a", "b", "c")),
        ("v3", "d"),
    ]
    whole = found[0]
    assert (whole.replicas, whole.answering) == (3, 2)
    assert (whole.running, whole.waiting, whole.kv_cache_share) == (4, 2, 0.9)
    assert whole.output_tokens_per_second == 20
    assert whole.prompt_tokens_per_second is None
    assert whole.ttft_p50_seconds == 1  # four of eight are in the first bucket
    assert [row.problems for row in found] == [(), (), (), ("gone",), ()]
