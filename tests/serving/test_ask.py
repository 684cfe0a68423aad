import pytest

from components.serving.ask import ask
from components.serving.wish import Wish, subject_of


def asked(model="deepseek-v3", accelerator="h200-141gb", gpus=8, **said):
    wish = Wish(model=model, accelerator=accelerator, gpus=gpus, **said)
    return ask(wish, subject_of(wish))


def test_absent_means_the_defaults_of_the_engine():
    question = asked().answer.question
    assert question.utilization == 0.92
    assert (question.batched_tokens, question.sequences) == (8192, 1024)
    assert (question.context_tokens, question.concurrency) == (163_840, 1)
    assert question.cache_type.name == "bfloat16"
    assert question.graphs


def test_an_older_engine_has_older_defaults():
    question = asked(engine_version="0.13.0").answer.question
    assert question.utilization == 0.9
    assert question.in_flight_tokens == 8192


def test_what_is_said_is_taken():
    question = asked(
        memory_utilization=0.8,
        max_batched_tokens=4096,
        max_sequences=16,
        kv_cache_dtype="fp8",
        cuda_graphs=False,
        engram_on_host=False,
    ).answer.question
    assert (question.utilization, question.batched_tokens, question.sequences) == (0.8, 4096, 16)
    assert (question.cache_type.name, question.graphs) == ("fp8", False)


def test_a_declared_concurrency_is_what_the_plan_lets_into_a_step():
    assert asked(concurrency=64).answer.question.sequences == 64


@pytest.mark.parametrize(
    ("said", "context", "verdict", "cut"),
    [
        ({}, 163_840, "fits", False),
        (
            {"model": "deepseek-r1-distill-qwen-7b", "accelerator": "l4-24gb", "gpus": 1},
            65_536,
            "fits",
            True,
        ),
        (
            {"model": "deepseek-r1-distill-qwen-32b", "accelerator": "h100-80gb", "gpus": 1},
            32_768,
            "marginal",
            True,
        ),
        (
            {"model": "deepseek-r1-distill-qwen-32b", "accelerator": "l4-24gb", "gpus": 1},
            131_072,
            "does-not-fit",
            False,
        ),
        (
            {
                "model": "deepseek-r1-distill-qwen-32b",
                "accelerator": "h100-80gb",
                "gpus": 1,
                "context_tokens": 131_072,
            },
            131_072,
            "does-not-fit",
            False,
        ),
    ],
)
def test_an_undeclared_context_is_the_models_or_the_largest_half_that_fits(
    said, context, verdict, cut
):
    found = asked(**said)
    assert found.answer.question.context_tokens == context
    assert (found.answer.verdict, found.context_was_cut) == (verdict, cut)


def test_the_first_split_that_fits_is_taken():
    """V4-Pro on MI325X: sliced experts are padded; whole ones leave the most."""
    wish = {"model": "deepseek-v4-pro", "accelerator": "mi300x-192gb", "gpus": 8}
    assert str(asked(**wish, memory_utilization=0.8).answer.question.split) == "TP8 with EP"
    assert str(asked(**wish).answer.question.split) == "TP8"
