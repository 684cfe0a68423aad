"""The worked deployments of the catalogue's models with the defaults of vLLM 0.32."""

from dataclasses import replace

import pytest

from components.serving.ask import ask
from components.serving.fit import MARGIN, answer, explain
from components.serving.memory import GIB
from components.serving.wish import Wish, subject_of


def asked(model, accelerator, gpus, **said):
    wish = Wish(model=model, accelerator=accelerator, gpus=gpus, **said)
    return ask(wish, subject_of(wish)).answer


@pytest.mark.parametrize(
    ("model", "accelerator", "gpus", "said", "expected"),
    [
        ("deepseek-v3", "h100-80gb", 8, {}, ("does-not-fit", 0)),
        ("deepseek-v3", "h100-80gb", 16, {"tensor_parallel": 16}, ("fits", 379_328)),
        ("deepseek-v3", "h100-80gb", 16, {}, ("fits", 739_264)),
        ("deepseek-v3", "h200-141gb", 8, {}, ("fits", 628_800)),
        ("deepseek-v3", "mi300x-192gb", 8, {}, ("fits", 1_319_744)),
        ("deepseek-r1", "a100-80gb", 8, {"precision": "awq-int4"}, ("fits", 348_224)),
        ("deepseek-r1", "b200-180gb", 4, {"precision": "nvfp4"}, ("fits", 890_432)),
        ("deepseek-v4-flash", "h100-80gb", 2, {}, ("does-not-fit", 0)),
        ("deepseek-v4-flash", "h200-141gb", 1, {}, ("does-not-fit", 0)),
        ("deepseek-v4-pro", "h100-80gb", 8, {}, ("does-not-fit", 0)),
        ("deepseek-v4-pro", "gb200-192gb", 4, {}, ("does-not-fit", 0)),
        ("deepseek-v4.1-flash", "h100-80gb", 4, {}, ("does-not-fit", 0)),
        ("deepseek-r1-distill-llama-70b", "h100-80gb", 4, {}, ("fits", 436_144)),
    ],
)
def test_a_worked_deployment(model, accelerator, gpus, said, expected):
    found = asked(model, accelerator, gpus, **said)
    assert (found.verdict, found.cache_tokens) == expected


def test_the_promise_is_every_request_at_its_whole_context():
    said = {"tensor_parallel": 8, "context_tokens": 32_768}
    held = asked("deepseek-v3", "h200-141gb", 8, **said, concurrency=16)
    missed = asked("deepseek-v3", "h200-141gb", 8, **said, concurrency=32)
    assert (held.verdict, missed.verdict) == ("fits", "does-not-fit")
    assert missed.required_bytes == 2 * held.required_bytes
    assert held.required_bytes == 16 * 32_768 * 70_272


def test_within_the_margin_on_either_side_it_is_marginal():
    question = asked("deepseek-v3", "h200-141gb", 8, context_tokens=32_768).question
    one = answer(question)
    held = one.stage.pool_bytes / one.required_bytes
    assert answer(replace(question, concurrency=int(held / (1 + MARGIN)))).verdict == "fits"
    assert answer(replace(question, concurrency=int(held))).verdict == "marginal"
    assert answer(replace(question, concurrency=int(held) + 1)).verdict == "marginal"
    assert answer(replace(question, concurrency=int(held * 1.2))).verdict == "does-not-fit"


def test_the_pools_of_data_parallel_ranks_add_up():
    found = asked("deepseek-v4-flash", "b200-180gb", 8, data_parallel=8, expert_parallel=True)
    tensor = asked("deepseek-v4-flash", "b200-180gb", 8)
    assert found.cache_tokens > 6 * tensor.cache_tokens
    assert found.question.requests_per_rank == 1


def test_the_stage_with_the_fewest_tokens_decides():
    found = asked("deepseek-v3", "h100-80gb", 16)
    assert list(found.stage.layers) == list(range(31, 61))  # experts in all of its layers
    assert found.cache_tokens == found.stage.tokens


def test_each_stage_of_a_pipeline_has_a_batch_in_flight():
    question = asked("deepseek-v4-pro", "h100-80gb", 32, context_tokens=8192).question
    assert (question.split.pipeline, question.in_flight_tokens) == (4, 4 * 8192)


def test_a_pool_of_fixed_size_ignores_the_utilization():
    found = asked(
        "deepseek-v4-flash", "mi325x-256gb", 1, context_tokens=4096, kv_cache_bytes=10**10
    )
    assert found.stage.pool_bytes == 10**10
    assert found.budget_bytes == found.usable_bytes


def test_n_gram_tables_are_asked_of_the_host():
    found = asked("deepseek-v4.1-flash", "gb200-192gb", 4)
    assert round(found.host_bytes_per_node / GIB, 1) == 188.8


def test_the_arithmetic_can_be_followed():
    assert explain(asked("deepseek-v3", "h100-80gb", 8)) == (
        "split: TP8 on 8 GPUs, 1 node",
        "budget: 79.65 GiB x 0.92 = 73.28 GiB",
        (
            "weights: 2.09 split + 76.14 experts + 1.06 replicated + 0.24 absorbed + 0.00 tables = "
            "79.53 GiB"
        ),
        (
            "overhead: 5.10 runtime + 2.23 activations of 8192 tokens + 0.57 workspaces + 0.58 "
            "graphs = 8.48 GiB"
        ),
        "cache: 73.28 - 79.53 - 8.48 = -14.74 GiB in blocks of 4497408 bytes (bfloat16)",
        "promise: 1 x 163840 tokens = 10.72 GiB; does-not-fit",
    )
