import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.load import models
from components.clouds import clouds
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.serving.parallelism import check_parallelism, tensor_parallel
from components.serving.spec import ServerSpec

QWEN = "deepseek-r1-distill-qwen-32b"  # 40 heads
LLAMA = "deepseek-r1-distill-llama-70b"  # 64 heads
R1 = "deepseek-r1-0528"  # 128 heads
NODES = st.integers(min_value=1, max_value=16)
MODELS = st.sampled_from(sorted(models()))


def pool(gpus):
    spec = PoolSpec(accelerator="h100-80gb", nodes=1, gpus_per_node=gpus)
    return plan_pool("h100", spec, clouds()["onprem"])


def server(model, tensor=None):
    return ServerSpec(
        model=model,
        engine="vllm",
        pool="h100",
        context_tokens=1,
        concurrency=1,
        parallelism=None if tensor is None else {"tensor": tensor},
    )


def derived(model, gpus):
    return tensor_parallel(server(model), models()[model], pool(gpus))


def refusals(model, gpus, tensor=None):
    spec = server(model, tensor)
    return [str(p) for p in check_parallelism("servers.s", spec, models()[model], pool(gpus))]


@pytest.mark.parametrize(
    ("model", "gpus", "tensor"),
    [
        (R1, 8, 8),
        (R1, 7, 4),
        (R1, 16, 16),
        (R1, 1, 1),
        (LLAMA, 12, 8),
        (QWEN, 8, 8),
        (QWEN, 4, 4),
    ],
)
def test_a_replica_takes_the_most_gpus_of_a_node_that_divide_the_heads(model, gpus, tensor):
    assert derived(model, gpus) == tensor


def test_what_the_user_says_is_taken():
    assert tensor_parallel(server(R1, 2), models()[R1], pool(8)) == 2


@given(MODELS, NODES)
def test_what_is_derived_divides_the_heads_and_fits_the_node(model, gpus):
    tensor = derived(model, gpus)
    assert models()[model].shape.attention_heads % tensor == 0
    assert 1 <= tensor <= gpus


@given(MODELS, NODES)
def test_what_is_derived_is_never_refused(model, gpus):
    assert refusals(model, gpus) == []


@given(MODELS, st.integers(min_value=1, max_value=15))
def test_one_more_gpu_in_a_node_never_makes_a_replica_smaller(model, gpus):
    assert derived(model, gpus) <= derived(model, gpus + 1)


def test_a_split_that_the_heads_do_not_allow_is_refused_with_those_they_allow():
    assert refusals(LLAMA, 8, tensor=3) == [
        (
            "servers.s.parallelism.tensor: 64 attention heads of deepseek-r1-distill-llama-70b do "
            "not split over 3 GPUs (64 / 3 = 21.33). Use one of 1, 2, 4, 8."
        )
    ]


def test_a_replica_that_is_larger_than_a_node_is_refused():
    assert refusals(R1, 8, tensor=16) == [
        (
            "servers.s.parallelism.tensor: a replica on 16 GPUs does not fit one node of pool "
            "h100, which has 8. Use one of 1, 2, 4, 8, or a pool with more GPUs in each node."
        )
    ]


def test_both_are_said_at_once():
    assert len(refusals(LLAMA, 8, tensor=12)) == 2


@pytest.mark.parametrize("tensor", [5, 10])
def test_a_split_that_the_key_value_heads_do_not_allow_is_refused(tensor):
    """40 attention heads share 8 key-value heads; vLLM asserts 8 % tensor == 0 or tensor % 8 == 0.

    vllm/model_executor/models/qwen2.py, Qwen2Attention.__init__: the engine dies at its start.
    """
    assert len(refusals(QWEN, 16, tensor)) == 1


@pytest.mark.parametrize(("gpus", "tensor"), [(5, 4), (7, 4), (10, 8), (16, 8)])
def test_what_is_derived_splits_the_key_value_heads_too(gpus, tensor):
    assert derived(QWEN, gpus) == tensor
