"""Blocks as vLLM 0.32's own grouping lays them out."""

import pytest

from components.catalog.load import models
from components.serving.hybrid_cache import Bucket, Claim, packed_blocks
from components.serving.records import CacheType

PACKED = CacheType("fp8_ds_mla", 1, packed=True)
BLACKWELL = CacheType("fp8_ds_mla", 1, packed=True, mxfp8_records=True)


def blocks(name, kind=PACKED, layers=None):
    shape = models()[name].shape
    return packed_blocks(shape.attention, layers or range(shape.layers), kind)


@pytest.mark.parametrize(
    ("name", "block_bytes"),
    [
        # 21 x (37,440 records of ratio 4 + 8,640 index keys) + 20 x 1,728 records of ratio 128
        ("deepseek-v4-flash", 21 * (37_440 + 8_640) + 20 * 1_728),
        ("deepseek-v4-pro", 30 * (37_440 + 8_640) + 31 * 1_728),
    ],
)
def test_the_records_set_the_block_and_windows_take_two_groups(name, block_bytes):
    assert blocks(name) == (
        block_bytes,
        (
            Claim(2, 64, window_tokens=128),
            Claim(1, 4, window_tokens=8),
            Claim(1, 8, window_tokens=128),
            Claim(1, 256),
        ),
    )


def test_v4_1_keeps_records_in_four_layers_and_rings_in_three():
    block_bytes, claims = blocks("deepseek-v4.1-flash", BLACKWELL)
    assert block_bytes == 3 * (67_584 + 16_896) + 135_168 + 33_792
    assert claims == (
        Claim(4, 64, window_tokens=128),
        Claim(1, 8, ring=True),
        Claim(1, 256),
    )


def test_half_of_the_layers_need_half_of_the_block():
    whole, _ = blocks("deepseek-v4-flash")
    half, _ = blocks("deepseek-v4-flash", layers=range(22))
    assert half == 10 * (37_440 + 8_640) + 10 * 1_728 < whole / 2


def test_a_bucket_knows_its_pattern():
    mixed = Bucket((3, 3, 5), 4)
    assert not mixed.balanced
    assert (mixed.repeats, mixed.widest(1), mixed.widest(2)) == (2, 11, 8)
