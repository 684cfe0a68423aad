"""What the gate refuses, where it says so, and what it lets through."""

import pytest

from components.catalog.load import accelerators
from components.engines.vllm import interface
from components.serving.gate import FLAGS, UNCOUNTED, check_fit, plan_fit, served_model, wish_of
from components.serving.spec import ServerSpec

GOOD = {
    "model": "deepseek-r1-0528",
    "engine": "vllm",
    "pool": "gpus",
    "weights": "shared",
    "context_tokens": 32_768,
    "concurrency": 16,
}


def server(**changed):
    return ServerSpec(**GOOD | changed)


def problems(accelerator="h200-141gb", tensor=8, **changed):
    spec = server(**changed)
    found = check_fit("servers.r1", spec, accelerators()[accelerator], tensor, 8)
    return {problem.where: (problem.what, problem.fix) for problem in found}


def planned(accelerator="h200-141gb", tensor=8, **changed):
    return plan_fit("servers.r1", server(**changed), accelerators()[accelerator], tensor)


def test_a_server_that_keeps_its_promise_passes():
    assert problems() == {}


def test_a_server_that_cannot_hold_its_weights_is_refused():
    what, fix = problems("h100-80gb")["servers.r1"]
    assert what == (
        "deepseek-r1-0528 (fp8) on 8 x h100-80gb needs 79.5 GiB for weights and 8.5 beside them on "
        "each GPU; 73.3 are there"
    )
    # One node cannot hold 16 x 32,768 tokens in any precision: then all suggestions are named.
    assert "; or 16 GPUs on 2 nodes [16 GPUs]" in fix


def test_a_promise_that_is_too_large_is_refused_with_what_would_fit():
    what, fix = problems(concurrency=32)["servers.r1"]
    assert what == (
        "deepseek-r1-0528 (fp8) on 8 x h200-141gb: 32 x 32768 tokens need 68.62 GiB, 41.16 GiB are "
        "left for the cache on each GPU"
    )
    assert fix == (
        "Smallest changes that fit: precision awq-int4 "
        "(cognitivecomputations/DeepSeek-R1-0528-AWQ) [8 GPUs]; or a fp8 cache [8 GPUs]; or 17408 "
        "tokens of context [8 GPUs]."
    )


def test_within_the_margin_only_a_server_that_accepts_it_passes():
    what, _ = problems(concurrency=19)["servers.r1"]
    assert what.endswith("within 8%, closer than the estimate can tell")
    assert problems(concurrency=19, accept_marginal=True) == {}
    assert problems(concurrency=32, accept_marginal=True) != {}


@pytest.mark.parametrize(
    ("accelerator", "changed", "where", "what"),
    [
        (
            "a100-80gb",
            {},
            "servers.r1.precision",
            "a100-80gb does not compute fp8, in which deepseek-ai/DeepSeek-R1-0528 is published",
        ),
        (
            "h200-141gb",
            {"precision": "int8"},
            "servers.r1.precision",
            "nobody publishes deepseek-r1-0528 in int8",
        ),
        (
            "h200-141gb",
            {"extra_args": ["--seed=1", "--kv-cache-dtype=fp9"]},
            "servers.r1.extra_args.1",
            "there is no kv cache dtype 'fp9'",
        ),
    ],
)
def test_a_pair_that_does_not_work_is_refused_where_it_stands(accelerator, changed, where, what):
    assert problems(accelerator, **changed)[where][0] == what


def test_suggestions_are_what_the_spec_can_say():
    """One node, a known repository: R1 in FP8 on eight H100 needs two nodes, or AWQ."""
    _, fix = problems("h100-80gb", context_tokens=8192, concurrency=4)["servers.r1"]
    assert fix == (
        "Smallest changes that fit: precision awq-int4 "
        "(cognitivecomputations/DeepSeek-R1-0528-AWQ) [8 GPUs]."
    )


def test_engine_flags_change_the_answer():
    wish = wish_of(
        server(
            extra_args=[
                "--gpu-memory-utilization=0.8",
                "--kv-cache-dtype=fp8",
                "--max-num-batched-tokens=4096",
                "--enforce-eager",
                "--enable-expert-parallel",
                "--kv-cache-memory-bytes=40G",
            ]
        ),
        accelerators()["h200-141gb"],
        8,
    )
    assert (wish.memory_utilization, wish.kv_cache_dtype) == (0.8, "fp8")
    assert (wish.max_batched_tokens, wish.cuda_graphs, wish.expert_parallel) == (4096, False, True)
    assert wish.kv_cache_bytes == 40 * 2**30
    assert problems(concurrency=32, extra_args=["--kv-cache-dtype=fp8"]) == {}


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("4096", 4096),
        ("8k", 8000),
        ("8K", 8192),
        ("1.5m", 1_500_000),
        ("2M", 2 * 1024**2),
        ("many", None),
        ("inf", None),
        ("", None),
        ("k", None),
    ],
)
def test_a_count_is_read_as_the_engine_reads_it(said, tokens):
    spec = server(extra_args=[f"--max-num-batched-tokens={said}"])
    assert wish_of(spec, accelerators()["h200-141gb"], 8).max_batched_tokens == tokens


def test_a_flag_whose_memory_nobody_counts_is_warned_of():
    [warning] = planned(extra_args=["--seed=1", "--enable-lora"]).warnings
    assert str(warning) == (
        "servers.r1.extra_args.1: --enable-lora changes what a GPU holds, and the fit does not "
        "count it. Leave room for it."
    )


def test_no_flag_that_is_read_or_warned_of_has_left_the_interface():
    assert {*FLAGS, *UNCOUNTED} - set(interface()["flags"]) == set()


def test_the_record_of_a_fit_is_in_whole_numbers():
    record = planned()
    assert (record.verdict, record.accepts_marginal) == ("fits", False)
    assert record.weights_mib_per_gpu == 81_438
    assert record.overhead_mib_per_gpu == 8_688
    assert record.cache_mib_per_gpu == 42_143
    assert (record.cache_tokens, record.longest_context_tokens) == (628_800, 39_296)
    assert record.warnings == ()


def test_warnings_of_a_fit_stand_at_the_field():
    [warning] = planned(
        "mi300x-192gb", model="deepseek-v4-flash", context_tokens=8192, concurrency=4
    ).warnings
    assert warning.where == "servers.r1.pool"
    assert "marks deepseek-v4-flash unsupported on mi300x-192gb" in warning.what


def test_what_is_refused_has_no_record():
    assert planned("a100-80gb") is None
    assert planned(precision="fp99") is None


@pytest.mark.parametrize(
    ("said", "repository"),
    [
        ({}, "deepseek-ai/DeepSeek-R1-0528"),
        ({"precision": "awq-int4"}, "cognitivecomputations/DeepSeek-R1-0528-AWQ"),
        (
            {"model": "nvidia/DeepSeek-R1-0528-NVFP4-v2"},
            "nvidia/DeepSeek-R1-0528-NVFP4-v2",
        ),
        ({"precision": "fp99"}, "deepseek-ai/DeepSeek-R1-0528"),
    ],
)
def test_the_model_is_served_in_the_precision_that_is_named(said, repository):
    assert served_model(server(**said)).repository == repository
