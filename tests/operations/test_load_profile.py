"""What is offered: the same for the same seed, in the shares that were asked for, within caps."""

from collections import Counter
from itertools import islice, pairwise
from math import nan

import pytest

from components.problems import PlanError
from operations.load.profile import (
    Arrival,
    Lengths,
    Profile,
    Prompts,
    parse_lengths,
    parse_model,
    schedule,
)

MODELS = (("a", 1.0), ("b", 3.0))


def offered(count=None, models=MODELS, **fields):
    return list(islice(schedule(Profile(**fields), models), count))


def test_the_same_seed_offers_the_same_and_another_seed_something_else():
    mix = (Lengths(10, 1), Lengths(20, 2))
    same = [offered(lengths=mix, streaming_share=0.5, seed=seed) for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_constant_arrivals_come_at_equal_gaps_until_the_time_is_over():
    arrivals = offered(arrivals="constant", requests_per_second=4, duration_seconds=2)
    assert [arrival.at_seconds for arrival in arrivals] == [n / 4 for n in range(8)]


def test_poisson_arrivals_have_the_rate_and_gaps_without_memory():
    arrivals = offered(requests_per_second=100, duration_seconds=200)
    gaps = [after.at_seconds - before.at_seconds for before, after in pairwise(arrivals)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.03)
    # An exponential distribution is as wide as its mean.
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.06)


def test_models_lengths_and_streams_come_in_their_shares():
    mix = (Lengths(10, 1, 9), Lengths(20, 2, 1))
    arrivals = offered(
        10_000,
        lengths=mix,
        streaming_share=0.25,
        duration_seconds=3600,
        seed=3,
        requests_per_second=10,
    )
    total = len(arrivals)
    assert total == 10_000
    shares = {
        "model b": (sum(arrival.model == "b" for arrival in arrivals), 0.75),
        "short": (sum(arrival.prompt_tokens == 10 for arrival in arrivals), 0.9),
        "stream": (sum(arrival.stream for arrival in arrivals), 0.25),
    }
    for name, (count, share) in shares.items():
        assert count / total == pytest.approx(share, abs=0.02), name
    pairs = Counter((arrival.prompt_tokens, arrival.output_tokens) for arrival in arrivals)
    assert set(pairs) == {(10, 1), (20, 2)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requests_per_second", 1000.1),
        ("requests_per_second", 0),
        ("requests_per_second", nan),
        ("duration_seconds", 3601),
        ("duration_seconds", 0),
        ("streaming_share", 1.1),
        ("streaming_share", -0.1),
        ("timeout_seconds", 3601),
        ("timeout_seconds", 0),
        ("max_in_flight", 4097),
        ("max_in_flight", 0),
        ("arrivals", "bursts"),
        ("lengths", ()),
        ("lengths", (Lengths(0, 1),)),
        ("lengths", (Lengths(1, 131_073),)),
    ],
)
def test_what_is_beyond_a_cap_is_refused_by_name(field, value):
    with pytest.raises(PlanError) as refused:
        Profile(**{field: value})
    assert [problem.where for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("weight", [0, -1, nan, float("inf")])
def test_a_weight_is_a_number_over_0(weight):
    with pytest.raises(PlanError, match="not a positive number"):
        Profile(lengths=(Lengths(1, 1, weight),))
    with pytest.raises(PlanError, match="not a positive number"):
        Profile(models=(("a", weight),))


def test_every_problem_is_told_at_once():
    with pytest.raises(PlanError) as refused:
        Profile(requests_per_second=5000, duration_seconds=-1, max_in_flight=0)
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("tokens", [1, 2, 300])
def test_a_prompt_has_four_bytes_per_token_and_shares_no_beginning_with_another(tokens):
    prompts = Prompts(seed=5, largest=300)
    texts = [
        prompts.text(arrival)
        for arrival in offered(100, lengths=(Lengths(tokens, 1),), duration_seconds=3600)
    ]
    assert {len(text) for text in texts} == {4 * tokens}
    assert len({text[:4] for text in texts}) == 100
    late = Arrival(0, "a", tokens, 1, stream=True, number=1_234_567)
    assert len(prompts.text(late)) == 4 * tokens


def test_lengths_and_models_are_read_with_their_weights():
    assert parse_lengths("128:64") == Lengths(128, 64, 1)
    assert parse_lengths("128:64@0.5") == Lengths(128, 64, 0.5)
    assert parse_model("deepseek-r1") == ("deepseek-r1", 1)
    assert parse_model("deepseek-r1@3") == ("deepseek-r1", 3)


@pytest.mark.parametrize("text", ["", "128", "128:", "a:b", "1:2@", "1:2@x"])
def test_lengths_of_another_form_are_no_lengths(text):
    with pytest.raises(ValueError, match=r"."):
        parse_lengths(text)
