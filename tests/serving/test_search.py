import pytest

from components.serving.ask import ask
from components.serving.refusals import refusals
from components.serving.search import MOST_SUGGESTIONS, smallest_fits
from components.serving.wish import Wish, subject_of


def suggestions(**said):
    wish = Wish(**said)
    subject = subject_of(wish)
    before = None if refusals(wish, subject) else ask(wish, subject)
    return smallest_fits(wish, before)


def changes(**said):
    return [(s.wish.gpus, *s.changes) for s in suggestions(**said)]


def test_fewest_gpus_first_then_fewest_changes():
    assert changes(model="deepseek-r1", accelerator="h100-80gb", gpus=8) == [
        (8, "precision awq-int4 (cognitivecomputations/DeepSeek-R1-AWQ)"),
        (16, "16 GPUs on 2 nodes"),
        (16, "precision int8 (meituan/DeepSeek-R1-Block-INT8)", "16 GPUs on 2 nodes"),
    ]  # and no w4a8 or bf16, whose repositories nobody could read from a source


def test_a_promise_can_be_made_smaller_on_the_same_gpus():
    found = changes(
        model="deepseek-r1-distill-llama-70b",
        accelerator="h100-80gb",
        gpus=4,
        context_tokens=32_768,
        concurrency=64,
    )
    assert found[:2] == [(4, "6144 tokens of context"), (4, "12 requests at once")]


def test_fewer_batched_tokens_are_v4s_lever():
    found = changes(
        model="deepseek-v4-flash",
        accelerator="h20-96gb",
        gpus=2,
        tensor_parallel=2,
        context_tokens=121_344,
        max_batched_tokens=16_384,
    )
    assert (2, "8192 batched tokens") not in found
    assert found[0] == (2, "4096 batched tokens")


def test_a_pair_that_is_refused_has_suggestions_too():
    assert changes(model="deepseek-v3", accelerator="a100-80gb", gpus=8)[0] == (
        8,
        "precision awq-int4 (cognitivecomputations/DeepSeek-V3-AWQ)",
    )
    assert changes(model="deepseek-v3.2", accelerator="h200-141gb", gpus=8, engine="tgi") == [
        (8, "engine vllm")
    ]


def test_nothing_is_suggested_where_nothing_helps():
    assert suggestions(model="deepseek-v3", accelerator="gaudi2-96gb", gpus=8) == ()


@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_the_list_is_short(gpus):
    found = suggestions(model="deepseek-r1-distill-qwen-14b", accelerator="l4-24gb", gpus=gpus)
    assert len(found) <= MOST_SUGGESTIONS


def test_a_split_that_was_said_is_let_go():
    [first, *_] = suggestions(
        model="deepseek-v4-pro",
        accelerator="mi300x-192gb",
        gpus=8,
        tensor_parallel=8,
        memory_utilization=0.8,
    )
    assert first.changes == ("split TP8 with EP",)
