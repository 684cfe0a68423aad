"""What may never happen, whatever is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.catalog.load import accelerators, models
from components.serving.ask import ask
from components.serving.fit import answer
from components.serving.refusals import refusals
from components.serving.search import smallest_fits
from components.serving.wish import Subject, Wish, subject_of

pytestmark = pytest.mark.medium  # a hundred answers each
MODELS = sorted(models())
ACCELERATORS = sorted(accelerators())
RANK = {"does-not-fit": 0, "marginal": 1, "fits": 2}

wishes = st.builds(  # most pairs of model and accelerator can be asked, many do not fit
    Wish,
    model=st.sampled_from(MODELS),
    accelerator=st.sampled_from(ACCELERATORS),
    gpus=st.sampled_from([1, 2, 4, 8, 16]),
    context_tokens=st.one_of(st.none(), st.integers(1, 200_000)),
    concurrency=st.one_of(st.none(), st.integers(1, 256)),
    # Far below, the runtime of several GPUs (4 GiB more than of one) decides on a small device:
    # then fewer GPUs may truly hold more.
    memory_utilization=st.one_of(st.none(), st.floats(0.7, 1.0)),
    max_batched_tokens=st.one_of(st.none(), st.integers(256, 32768)),
)


def answered(wish):
    subject = subject_of(wish)
    assert isinstance(subject, Subject)
    assume(not refusals(wish, subject))
    return ask(wish, subject)


@given(wishes)
def test_tokens_are_never_negative_and_a_fit_keeps_its_promise(wish):
    found = answered(wish).answer
    assert found.cache_tokens >= 0
    assert found.longest_context_tokens >= 0
    if found.verdict == "fits":
        assert found.concurrency_at_context >= found.question.concurrency
        assert found.longest_context_tokens >= found.question.context_tokens


@given(wishes)
def test_the_ranks_of_a_split_are_the_gpus(wish):
    split = answered(wish).answer.question.split
    assert split.tensor * split.pipeline * split.data == wish.gpus


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(wishes, st.integers(1, 16))
def test_more_gpus_never_turn_a_fit_into_less(wish, more):
    assume(answered(wish).answer.verdict == "fits")
    assert answered(replace(wish, gpus=wish.gpus + more)).answer.verdict == "fits"


@given(wishes, st.integers(1, 64))
def test_more_memory_never_turns_a_fit_into_less(wish, gib):
    found = answered(wish).answer
    device = found.question.accelerator
    larger = device.model_copy(
        update={"usable_mib_per_gpu": device.usable_mib_per_gpu + gib * 1024}
    )
    more = answer(replace(found.question, accelerator=larger))
    assert RANK[more.verdict] >= RANK[answer(found.question).verdict]
    assert more.cache_tokens >= found.cache_tokens


@given(wishes, st.integers(1, 100_000))
def test_less_context_never_turns_a_fit_into_less(wish, fewer):
    found = answered(wish).answer
    shorter = max(1, found.question.context_tokens - fewer)
    less = answer(replace(found.question, context_tokens=shorter))
    assert RANK[less.verdict] >= RANK[answer(found.question).verdict]


@given(wishes)
def test_fewer_bytes_per_parameter_never_turn_a_fit_into_less(wish):
    found = answered(wish).answer
    formats = found.question.model.checkpoint.formats
    assume(formats.linear == "bf16")
    lighter = found.question.model.checkpoint.model_copy(
        update={"formats": formats.model_copy(update={"linear": "fp8-channel"})}
    )
    model = found.question.model.model_copy(
        update={"checkpoints": {found.question.model.native: lighter}}
    )
    light = answer(replace(found.question, model=model))
    assert RANK[light.verdict] >= RANK[answer(found.question).verdict]


@settings(max_examples=30)
@given(wishes)
def test_every_suggestion_fits_when_it_is_asked(wish):
    subject = subject_of(wish)
    before = None if refusals(wish, subject) else ask(wish, subject)
    for suggestion in smallest_fits(wish, before):
        again = answered(suggestion.wish)
        assert again.answer.verdict == "fits"
        assert suggestion.changes
