import pytest

from components.catalog.load import models
from components.serving.memory import Split
from components.serving.splits import candidate_splits, check_split, head_divisor
from components.serving.wish import Wish, subject_of


def wish(**said):
    return Wish(**{"model": "deepseek-v3", "accelerator": "h100-80gb", "gpus": 16, **said})


def splits(**said):
    asked = wish(**said)
    return list(candidate_splits(asked, subject_of(asked)))


def refusal(split, **said):
    asked = wish(gpus=split.gpus, **said)
    return [(p.where, p.what) for p in check_split(split, asked, subject_of(asked))]


@pytest.mark.parametrize(
    ("said", "first", "why"),
    [
        (
            {"gpus": 8},
            Split(tensor=8),
            "tensor parallel over the 8 GPUs of a node",
        ),
        (
            {},
            Split(tensor=8, pipeline=2),
            "tensor parallel over the 8 GPUs of a node, one stage per node over 2 nodes",
        ),
        ({"gpus": 1}, Split(), "one GPU"),
        (
            {"gpus": 8, "model": "deepseek-r1-distill-qwen-7b"},
            Split(tensor=4, pipeline=2),
            "the widest tensor split of 28 heads in a node is 4, the other GPUs make 2 stages",
        ),
        ({"tensor_parallel": 16}, Split(tensor=16), "as asked, the rest derived"),
        (
            {"tensor_parallel": 8, "pipeline_parallel": 2},
            Split(tensor=8, pipeline=2),
            "as asked",
        ),
        (
            {"gpus": 8, "data_parallel": 8, "expert_parallel": True},
            Split(data=8, expert=True),
            "as asked, the rest derived",
        ),
    ],
)
def test_the_first_candidate_is_what_an_operator_would_try(said, first, why):
    assert splits(**said)[0] == (first, why)


def test_every_candidate_uses_every_gpu():
    assert {split.gpus for split, _ in splits()} == {16}
    assert [str(split) for split, _ in splits()][:2] == ["TP8 x PP2", "TP16"]


def test_whole_experts_are_tried_only_where_slices_are_padded():
    """V4-Pro on ROCm pads slices of 384 to 512; on CUDA it need not."""
    amd = splits(model="deepseek-v4-pro", accelerator="mi300x-192gb", gpus=8)
    nvidia = splits(model="deepseek-v4-pro", accelerator="h200-141gb", gpus=8)
    assert [split.expert for split, _ in amd[:2]] == [False, True]
    assert amd[1][1].endswith("whole experts per GPU, since sliced ones do not fit")
    assert [split for split, _ in nvidia if not split.data > 1] == [Split(tensor=8)]


def test_data_parallel_ranks_come_last_and_only_where_tensor_ranks_repeat_the_cache():
    latent = splits(gpus=8)
    assert [str(split) for split, _ in latent] == [
        "TP8",
        "TP4 x DP2 with EP",
        "TP2 x DP4 with EP",
        "TP1 x DP8 with EP",
    ]
    assert latent[1][1] == (
        "tensor ranks would repeat the cache: 2 data parallel ranks have 2 caches, with whole "
        "experts on each GPU"
    )
    dense = splits(gpus=8, model="deepseek-r1-distill-llama-70b")
    assert [split for split, _ in dense] == [Split(tensor=8)]


def test_who_states_a_split_gets_the_engines_default_for_experts():
    stated = splits(model="deepseek-v4-pro", accelerator="mi300x-192gb", gpus=8, tensor_parallel=8)
    assert [split for split, _ in stated] == [Split(tensor=8)]


@pytest.mark.parametrize(
    ("name", "divisor"),
    [
        ("deepseek-v3", 128),
        ("deepseek-v4-flash", 8),  # 64 heads, 8 groups of output heads
        ("deepseek-v4-pro", 16),
        ("deepseek-r1-distill-qwen-1.5b", 12),
    ],
)
def test_a_tensor_split_divides_heads_and_output_groups(name, divisor):
    assert head_divisor(models()[name].shape) == divisor


@pytest.mark.parametrize(
    ("split", "said", "expected"),
    [
        (
            Split(tensor=3),
            {},
            (
                "tensor_parallel",
                "128 attention heads of deepseek-v3 do not split over 3 GPUs (128 / 3 = 42.67)",
            ),
        ),
        (
            Split(tensor=5),
            {"model": "deepseek-r1-distill-qwen-32b"},
            (
                "tensor_parallel",
                (
                    "8 key-value heads of deepseek-r1-distill-qwen-32b neither split over 5 GPUs "
                    "nor repeat evenly on them"
                ),
            ),
        ),
        (
            Split(tensor=16),
            {"model": "deepseek-v4-flash"},
            (
                "tensor_parallel",
                (
                    "8 groups of output heads of deepseek-v4-flash do not split over 16 GPUs "
                    "(8 / 16 = 0.50)"
                ),
            ),
        ),
        (
            Split(tensor=32),
            {},
            (
                "tensor_parallel",
                "18432 columns over 32 GPUs are slices of 576, and fp8-block scales groups of 128",
            ),
        ),
        (
            Split(pipeline=64),
            {},
            ("pipeline_parallel", "61 layers make no 64 stages"),
        ),
        (
            Split(tensor=4, pipeline=2),
            {"engine": "tgi"},
            ("pipeline_parallel", "tgi 3.3.5 splits by tensor alone"),
        ),
        (
            Split(tensor=2),
            {"mig_profile": "3g.40gb", "model": "deepseek-r1-distill-qwen-7b"},
            (
                "mig_profile",
                (
                    "2 MIG slices cannot work on one replica: NCCL and peer access do not reach "
                    "across slices"
                ),
            ),
        ),
        (
            Split(tensor=8, context=2),
            {"model": "deepseek-v4-pro"},
            (
                "decode_context_parallel",
                "8 tensor ranks repeat the cache 1 times, which 2 does not divide",
            ),
        ),
        (
            Split(tensor=8, context=3),
            {},
            (
                "decode_context_parallel",
                "8 tensor ranks repeat the cache 8 times, which 3 does not divide",
            ),
        ),
    ],
)
def test_an_impossible_split_is_refused(split, said, expected):
    assert refusal(split, **said) == [expected]


def test_sixteen_gpus_share_out_what_grouped_query_repeats():
    assert refusal(Split(tensor=16, context=2), model="deepseek-r1-distill-llama-70b") == []
