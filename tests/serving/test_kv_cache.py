"""Bytes and tokens against the engine's own code (the oracle) and its published log lines."""

import pytest

from components.catalog.load import accelerators, models
from components.serving.kv_cache import Cache, Group, cache_of
from components.serving.memory import GIB, Split
from components.serving.records import cache_type

MILLION = 2**20


def cache(name, split=None, dtype="auto", gpu="h200-141gb", stage=None, **options):
    shape = models()[name].shape
    kind = cache_type(shape, accelerators()[gpu], dtype)
    return cache_of(shape, split or Split(tensor=8), stage or range(shape.layers), kind, **options)


def per_token(found):
    return found.block_bytes / found.groups[0].block_tokens


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("deepseek-v3", "auto", 70_272),
        ("deepseek-v3", "fp8", 35_136),
        ("deepseek-v2-lite", "auto", 31_104),
        ("deepseek-v3.2", "auto", 48_068),
        ("deepseek-v3.2", "bf16", 78_324),
    ],
)
def test_latent_bytes_per_token(name, dtype, expected):
    assert per_token(cache(name, dtype=dtype)) == expected


def test_a_latent_is_whole_on_every_tensor_rank_and_follows_the_layers_of_a_stage():
    assert cache("deepseek-v3", Split(tensor=1)) == cache("deepseek-v3", Split(tensor=16))
    assert per_token(cache("deepseek-v3", stage=range(31))) == 35_712


def test_decode_context_parallel_shares_the_tokens_of_a_latent_out():
    one, four = cache("deepseek-v3"), cache("deepseek-v3", Split(tensor=8, context=4))
    assert four.tokens(GIB, 1, 0) == 4 * one.tokens(GIB, 1, 0)
    assert four.blocks(163_840, 0) * 4 == one.blocks(163_840, 0)


@pytest.mark.parametrize(
    ("name", "tensor", "expected"),
    [
        ("deepseek-r1-distill-qwen-1.5b", 1, 28_672),
        ("deepseek-r1-distill-qwen-1.5b", 4, 14_336),  # two KV heads: repeated, not quartered
        ("deepseek-r1-distill-qwen-7b", 1, 57_344),
        ("deepseek-r1-distill-qwen-14b", 1, 196_608),
        ("deepseek-r1-distill-qwen-32b", 1, 262_144),
        ("deepseek-r1-distill-llama-8b", 1, 131_072),
        ("deepseek-r1-distill-llama-70b", 1, 327_680),
        ("deepseek-r1-distill-llama-70b", 4, 81_920),
        ("deepseek-r1-0528-qwen3-8b", 1, 147_456),
        ("deepseek-llm-7b-chat", 1, 491_520),
    ],
)
def test_grouped_query_bytes_per_token(name, tensor, expected):
    assert per_token(cache(name, Split(tensor=tensor))) == expected


def test_keys_and_values_of_every_head_are_85_times_the_latent():
    """TGI, and vLLM before 0.7.1: 61 x 128 heads x 192 x 2 x 2 bytes."""
    whole = cache("deepseek-v3", Split(tensor=1), absorbed=False)
    assert per_token(whole) == 5_996_544
    assert per_token(cache("deepseek-v3", absorbed=False)) == 749_568
    assert per_token(whole) / per_token(cache("deepseek-v3")) == pytest.approx(85.3, abs=0.1)


@pytest.mark.parametrize(
    ("name", "in_flight", "context", "gib"),
    [
        ("deepseek-v4-flash", 16_384, MILLION, 10.06),
        ("deepseek-v4-flash", 32_768, MILLION, 16.27),
        ("deepseek-v4-flash", 4_096, MILLION, 5.40),
        ("deepseek-v4-flash", 16_384, 30_000, 6.35),
        ("deepseek-v4-pro", 16_384, MILLION, 14.41),
        ("deepseek-v4-pro", 32_768, MILLION, 23.32),
        ("deepseek-v4-pro", 4_096, MILLION, 7.74),
    ],
)
def test_one_request_of_v4_needs_what_the_engine_says(name, in_flight, context, gib):
    assert round(cache(name).request_bytes(context, in_flight) / GIB, 2) == gib


@pytest.mark.parametrize(
    ("name", "gpu", "pool_gib", "asked", "oracle"),
    [
        ("deepseek-v4-flash-0731", "h20-96gb", 7.71, (121_344, 16_384), 140_064),
        ("deepseek-v3", "h200-141gb", 34, (163_840, 0), 519_488),
        ("deepseek-r1-distill-qwen-14b", "h200-141gb", 4, (131_072, 0), 21_840),
        ("deepseek-r1-distill-llama-8b", "rtx3090-24gb", 3.8125, (20_000, 0), 31_232),
    ],
)
def test_tokens_of_a_given_pool_are_the_oracles(name, gpu, pool_gib, asked, oracle):
    """`asked`: the context, and the tokens in flight."""
    found = cache(name, Split(tensor=1), gpu=gpu)
    assert found.tokens(pool_gib * GIB, *asked) == oracle


def test_the_records_of_v4_1_on_blackwell_meet_a_published_pool():
    """InferenceX PR 3310: 21.5 GiB on two B200, 6.18 million tokens, 4096 batched."""
    found = cache("deepseek-v4.1-flash", Split(tensor=2), gpu="b200-180gb")
    assert found.tokens(21.5 / 2 * GIB, MILLION, 2 * 4096) == pytest.approx(6.18e6, rel=0.01)


def test_windows_reserve_what_is_in_flight_and_no_more_than_the_context():
    window = Cache(1, (Group(64, window_tokens=128),))
    assert window.blocks(10**6, 1_000) == 19  # ceil(1127 / 64) + 1
    assert window.blocks(100, 1_000) == 3


def test_a_pool_below_zero_holds_nothing():
    found = cache("deepseek-v3")
    assert found.tokens(-1, 1, 0) == found.longest(-1, 1, 1, 0) == 0
    assert found.concurrency(-GIB, 1, 0) == 0


def test_the_longest_context_is_the_last_that_the_pool_holds_so_often():
    found = cache("deepseek-v4-pro")
    longest = found.longest(40 * GIB, 3, MILLION, 16_384)
    assert found.request_bytes(longest, 16_384) * 3 <= 40 * GIB
    assert found.request_bytes(longest + 1, 16_384) * 3 > 40 * GIB
