"""The worked figures of published deployments; GiB per GPU."""

import pytest

from components.catalog.load import accelerators, models
from components.serving.memory import (
    GIB,
    Split,
    budget_bytes,
    expert_alignment,
    host_bytes_per_node,
    padded_share,
    stage_weights,
    stages,
    usable_bytes,
)


def weights(name, split, *, vendor="nvidia", stage=None, precision=None, **options):
    model = models()[name].in_precision(precision)
    layers = stage or range(model.shape.layers)
    formats = model.checkpoint.formats
    return stage_weights(model.shape, formats, split, layers, vendor=vendor, **options)


def gib(*args, **options):
    return round(weights(*args, **options).total_bytes / GIB, 1)


def test_the_budget_is_a_share_of_the_whole_device():
    usable = usable_bytes(accelerators()["h100-80gb"])
    assert round(usable / GIB, 2) == 79.65
    assert round(budget_bytes(usable, 0.92) / GIB, 1) == 73.3


def test_a_mig_slice_has_its_own_memory():
    assert usable_bytes(accelerators()["h100-80gb"], "1g.10gb") / GIB == 9.75


@pytest.mark.parametrize(
    ("layers", "pipeline", "sizes"),
    [(61, 1, [61]), (61, 2, [31, 30]), (61, 4, [15, 15, 16, 15]), (43, 2, [22, 21])],
)
def test_uneven_stages_are_dealt_as_the_engine_deals_them(layers, pipeline, sizes):
    found = stages(layers, pipeline)
    assert [len(stage) for stage in found] == sizes
    assert [layer for stage in found for layer in stage] == list(range(layers))


@pytest.mark.parametrize(
    ("split", "expected"),
    [(Split(tensor=8), 79.5), (Split(tensor=16), 40.3), (Split(data=8, expert=True), 95.8)],
)
def test_v3_in_fp8_by_split(split, expected):
    assert gib("deepseek-v3", split) == expected


def test_v3_over_two_stages_is_heavier_where_only_experts_are():
    split = Split(tensor=8, pipeline=2)
    found = [gib("deepseek-v3", split, stage=stage) for stage in stages(61, 2)]
    assert found == [38.5, 41.0]


def test_what_tensor_parallel_does_not_divide_stays_whole():
    """q_a, kv_a and the routers of V3: 1.14 GB on every rank."""
    whole = weights("deepseek-v3", Split(tensor=8))
    assert whole.replicated_bytes / 10**9 == pytest.approx(1.14, abs=0.01)
    assert weights("deepseek-v3", Split(tensor=16)).replicated_bytes == whole.replicated_bytes


def test_absorbed_matrices_come_on_top_and_only_where_the_engine_absorbs():
    """61 x heads / TP x 256 x 512 x 2 bytes: 0.26 GB at TP8."""
    found = weights("deepseek-v3", Split(tensor=8))
    assert found.absorbed_bytes == 61 * 16 * 256 * 512 * 2
    assert weights("deepseek-v3", Split(tensor=8), absorbs=False).absorbed_bytes == 0


def test_data_parallel_ranks_repeat_all_but_the_experts():
    one = weights("deepseek-v3", Split(tensor=1))
    eight = weights("deepseek-v3", Split(data=8, expert=True))
    assert eight.split_bytes == one.split_bytes
    assert eight.expert_bytes == one.expert_bytes / 8


def test_kv_heads_are_repeated_beyond_their_number():
    """1.5B has two KV heads: four ranks hold half of them each, not a quarter."""
    two = weights("deepseek-r1-distill-qwen-1.5b", Split(tensor=2)).split_bytes
    four = weights("deepseek-r1-distill-qwen-1.5b", Split(tensor=4)).split_bytes
    shape = models()["deepseek-r1-distill-qwen-1.5b"].shape
    key_value = 28 * 2 * shape.hidden_size * 2 * 128 * 2
    assert four == pytest.approx((two - key_value / 2) / 2 + key_value / 2)


def test_slices_of_v4_pro_are_padded_on_rocm_and_whole_experts_are_not():
    """3072 / 8 = 384 becomes 512: 122 GiB on MI300X (InferenceX) against a share of 101.9."""
    assert gib("deepseek-v4-pro", Split(tensor=8), vendor="amd") == 123.2
    assert gib("deepseek-v4-pro", Split(tensor=8, expert=True), vendor="amd") == 101.9
    assert gib("deepseek-v4-pro", Split(tensor=8), vendor="nvidia") == 101.9


def test_only_the_fused_up_projections_are_padded():
    assert padded_share(3072, 8, 256) == (2 * 512 + 384) / (3 * 384)
    assert padded_share(3072, 8, 128) == 1
    assert (expert_alignment("mxfp4", "amd"), expert_alignment("mxfp4", "nvidia")) == (256, 128)
    assert expert_alignment("fp8-block", "amd") == 1


def test_n_gram_tables_lie_on_the_host_or_are_shared_out():
    model = models()["deepseek-v4.1-flash"]
    formats = model.checkpoint.formats
    host = host_bytes_per_node(model.shape, formats, engram_on_host=True)
    assert round(host / GIB, 1) == 188.8
    assert host_bytes_per_node(model.shape, formats, engram_on_host=False) == 0
    shared = weights("deepseek-v4.1-flash", Split(tensor=8), engram_on_host=False)
    assert shared.engram_bytes == host / 8


def test_a_quantised_precision_is_the_same_shape_in_fewer_bytes():
    assert gib("deepseek-r1", Split(tensor=8), precision="awq-int4") == 43.3


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (Split(tensor=8, pipeline=2), "TP8 x PP2"),
        (Split(data=8, expert=True), "TP1 x DP8 with EP"),
        (Split(tensor=8, context=4), "TP8 x DCP4"),
    ],
)
def test_a_split_reads_as_people_write_it(split, words):
    assert str(split) == words
