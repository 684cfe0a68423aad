from dataclasses import replace

import pytest

from components.catalog.load import models, runtimes
from components.serving.memory import GIB, Split
from components.serving.overhead import (
    GRAPHS_GIB,
    RUNTIME_GIB_ONE_GPU,
    RUNTIME_GIB_SEVERAL_GPUS,
    Load,
    activation_bytes,
    overhead,
    workspace_bytes,
)
from components.serving.runtime import behaviour

NOW, EARLIER = behaviour(runtimes()["vllm"]), behaviour(runtimes()["vllm"], "0.20.0")
LOAD = Load(context_tokens=32_768, batched_tokens=8192, sequences=64)


def activations(name, split, **changes):
    return activation_bytes(models()[name].shape, split, replace(LOAD, **changes), 0)


def test_it_is_the_sum_of_its_four_parts():
    found = overhead(models()["deepseek-v3"].shape, Split(tensor=8), LOAD, NOW, "nvidia")
    assert found.runtime_bytes == RUNTIME_GIB_SEVERAL_GPUS * GIB
    assert found.graph_bytes == GRAPHS_GIB * GIB
    assert round(found.activation_bytes / GIB, 2) == 2.23
    assert round(found.total_bytes / GIB, 2) == 8.48


def test_one_gpu_needs_no_communication():
    shape = models()["deepseek-r1-distill-llama-8b"].shape
    assert overhead(shape, Split(), LOAD, NOW, "nvidia").runtime_bytes == RUNTIME_GIB_ONE_GPU * GIB


def test_graphs_are_reserved_from_0_21_on_and_not_in_eager_mode():
    shape = models()["deepseek-v3"].shape
    assert overhead(shape, Split(tensor=8), LOAD, EARLIER, "nvidia").graph_bytes == 0
    eager = replace(LOAD, graphs=False)
    assert overhead(shape, Split(tensor=8), eager, NOW, "nvidia").graph_bytes == 0


def test_dense_activations_are_residual_attention_and_feed_forward():
    """8192 x (3 x 4096 + 2 x (32 + 8) x 128 + 3 x 14336) x 2 bytes."""
    expected = 8192 * (3 * 4096 + 2 * 40 * 128 + 3 * 14_336) * 2
    assert activations("deepseek-r1-distill-llama-8b", Split()) == expected


def test_batched_tokens_drive_activations_until_the_sampler_does():
    name = "deepseek-r1-distill-llama-8b"
    assert activations(name, Split(), batched_tokens=4096) == activations(name, Split()) / 2
    sampler = activations(name, Split(), batched_tokens=16, sequences=1024)
    assert sampler == 1024 * 128_256 * 12


def test_data_parallel_ranks_see_each_others_tokens_in_the_experts():
    one = activations("deepseek-v3", Split(tensor=1, expert=True))
    eight = activations("deepseek-v3", Split(data=8, expert=True))
    experts = 8192 * 8 * (7168 + 7168) * 2
    assert eight - one == 7 * experts


def test_an_engine_that_chunks_its_experts_bounds_them():
    shape, split = models()["deepseek-v3"].shape, Split(data=8, expert=True)
    chunked = activation_bytes(shape, split, LOAD, 32_768)
    assert activation_bytes(shape, split, LOAD, 0) - chunked == 32_768 * 8 * 2 * 7168 * 2


def test_absorbed_sparse_attention_is_wider_than_dense():
    assert activations("deepseek-v3.2", Split(tensor=8)) > activations(
        "deepseek-v3", Split(tensor=8)
    )


@pytest.mark.parametrize(
    ("name", "context", "expected_mib"),
    [
        ("deepseek-r1-distill-llama-8b", 32_768, 0),
        ("deepseek-v3", 32_768, 584),  # 64 Ki tokens x (576 + 16 x 256) x 2
        ("deepseek-v4-flash", 1_048_576, 512 + 1056),  # 4 x (2^18 + 128 + 8192) x 512 x 2
    ],
)
def test_workspaces_by_kind_of_attention(name, context, expected_mib):
    shape, load = models()[name].shape, replace(LOAD, context_tokens=context)
    found = workspace_bytes(shape, Split(tensor=8), load, NOW, "nvidia")
    assert found / 2**20 == pytest.approx(expected_mib, abs=1)


def test_rocm_reserved_a_logit_per_batched_token_and_now_per_request():
    """vllm-project/vllm#53961: 16,384 x 262,144 x 4 bytes are 16 GiB."""
    shape = models()["deepseek-v4-pro"].shape
    load = Load(context_tokens=2**20, batched_tokens=16_384, sequences=256)
    old = behaviour(runtimes()["vllm"], "0.28.0")
    before = workspace_bytes(shape, Split(tensor=8), load, old, "amd")
    after = workspace_bytes(shape, Split(tensor=8), load, NOW, "amd")
    assert before / GIB == 16.5
    assert after / GIB == pytest.approx(1.56, abs=0.02)
