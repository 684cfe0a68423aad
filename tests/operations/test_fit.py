"""`blueprint fit`, as people and programs call it."""

import json

import pytest

from components.serving.wish import Wish
from operations.fit import SUGGESTED, arguments, document, fit

KEYS = {
    *("verdict", "kv_cache_tokens", "max_concurrency_at_context", "weights_gib_per_gpu"),
    *("overhead_gib_per_gpu", "kv_gib_per_gpu", "usable_gib_per_gpu", "arithmetic", "problems"),
    "smallest_fit",
}


def wish(**said):
    return Wish(**{"model": "deepseek-r1", "accelerator": "h200-141gb", "gpus": 8, **said})


@pytest.mark.parametrize(
    ("said", "verdict", "strict", "lenient"),
    [
        ({}, "fits", 0, 0),
        ({"context_tokens": 40_000, "concurrency": 15}, "marginal", 1, 0),
        ({"accelerator": "h100-80gb"}, "does-not-fit", 1, 1),
        ({"accelerator": "a100-80gb"}, "unsupported", 1, 1),
        ({"model": "deepseek-r9"}, "unsupported", 1, 1),
    ],
)
def test_the_exit_code_follows_the_verdict(said, verdict, strict, lenient):
    found = fit(wish(tensor_parallel=8, **said))
    assert found.verdict == verdict
    assert found.exit_code(accept_marginal=False) == strict
    assert found.exit_code(accept_marginal=True) == lenient


@pytest.mark.parametrize("said", [{}, {"accelerator": "h100-80gb"}, {"gpus": 0}])
def test_the_document_has_the_same_keys_whatever_the_answer(said):
    found = document(fit(wish(**said)))
    assert found.keys() == document(fit(wish())).keys()
    assert found.keys() >= KEYS
    json.dumps(found)


def test_the_numbers_of_a_fit():
    found = document(fit(wish()))
    assert found["weights_gib_per_gpu"] == 79.53
    assert found["overhead_gib_per_gpu"] == 8.48
    assert found["kv_gib_per_gpu"] == 41.16
    assert found["usable_gib_per_gpu"] == 140.4
    assert found["kv_cache_tokens"] == 628_800
    assert found["max_concurrency_at_context"] == 3.84
    assert found["parallelism"]["tensor"] == 8
    assert (found["problems"], found["smallest_fit"]) == ([], [])


def test_the_parts_of_a_gpu_add_up():
    found = document(fit(wish()))
    parts = ("weights", "overhead", "kv", "free")
    whole = sum(found[f"{part}_gib_per_gpu"] for part in parts)
    assert whole == pytest.approx(found["usable_gib_per_gpu"], abs=0.03)


def test_problems_stand_at_the_flag():
    [problem] = document(fit(wish(memory_utilization=1.5)))["problems"]
    assert problem["where"] == "--memory-utilization"


def test_every_suggestion_can_be_typed_as_it_stands():
    found = document(fit(wish(accelerator="h100-80gb")))
    first = found["smallest_fit"][0]
    assert first.keys() >= set(SUGGESTED)
    assert first["arguments"] == [
        *("--model", "deepseek-r1", "--accelerator", "h100-80gb", "--gpus", "8"),
        *("--engine", "vllm", "--precision", "awq-int4"),
    ]


def test_switches_are_typed_as_switches():
    found = arguments(wish(expert_parallel=True, cuda_graphs=False))
    assert found[-2:] == ["--expert-parallel", "--no-cuda-graphs"]
    assert "--no-expert-parallel" in arguments(wish(expert_parallel=False))


def test_a_refusal_of_a_pair_names_what_would_work():
    found = fit(wish(precision="nvfp4"))
    assert found.problems[0].fix.endswith(
        "precision fp8 (deepseek-ai/DeepSeek-R1) [8 GPUs]; or precision int8 "
        "(meituan/DeepSeek-R1-Block-INT8) [8 GPUs]."
    )
