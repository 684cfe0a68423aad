import pytest

from components.serving.refusals import refusals, warnings
from components.serving.wish import Wish, subject_of


def wish(**said):
    return Wish(**{"model": "deepseek-v3", "accelerator": "h200-141gb", "gpus": 8, **said})


def refused(**said):
    asked = wish(**said)
    return {p.where: (p.what, p.fix) for p in refusals(asked, subject_of(asked))}


def test_a_plain_wish_is_not_refused():
    assert refused() == {}


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        (
            {"accelerator": "a100-80gb"},
            "precision",
            "a100-80gb does not compute fp8, in which deepseek-ai/DeepSeek-V3 is published",
        ),
        (
            {"precision": "nvfp4"},
            "precision",
            "h200-141gb does not compute nvfp4, in which nvidia/DeepSeek-V3-FP4 is published",
        ),
        (
            {"model": "deepseek-r1", "precision": "mxfp4", "accelerator": "mi300x-192gb"},
            "precision",
            "mi300x-192gb does not compute mxfp4, in which unresolved is published",
        ),
        (
            {"model": "deepseek-v3.2", "engine": "tgi"},
            "engine",
            "tgi has no class for deepseek-v3.2",
        ),
        (
            {"engine": "tgi", "accelerator": "b200-180gb"},
            "engine",
            "the images of tgi 3.3.5 are not built for blackwell",
        ),
        (
            {"engine": "tgi", "accelerator": "mi300x-192gb", "precision": "awq-int4"},
            "engine",
            "tgi 3.3.5 loads no awq-int4 on mi300x-192gb",
        ),
        (
            {"engine": "tgi", "gpus": 16},
            "nodes",
            "tgi 3.3.5 serves from one node, and 2 are asked",
        ),
        (
            {"model": "deepseek-v4-flash", "engine_version": "0.19.0"},
            "engine_version",
            "vllm 0.19.0 is older than 0.20.0, the first version with deepseek-v4-flash",
        ),
        (
            {"context_tokens": 200_000},
            "context_tokens",
            "deepseek-v3 ends at 163840 tokens, 200000 are asked",
        ),
        (
            {"kv_cache_dtype": "fp8_ds_mla"},
            "kv_cache_dtype",
            "fp8_ds_mla is a record of sparse models, and deepseek-v3 is none",
        ),
        (
            {"model": "deepseek-v3.2", "kv_cache_dtype": "nvfp4_ds_mla"},
            "kv_cache_dtype",
            "h200-141gb has no kernel for nvfp4_ds_mla",
        ),
        (
            {
                "model": "deepseek-v4-pro",
                "accelerator": "b200-180gb",
                "kv_cache_dtype": "nvfp4_ds_mla",
            },
            "kv_cache_dtype",
            "deepseek-v4-pro has no nvfp4_ds_mla records",
        ),
        (
            {"tensor_parallel": 3},
            "tensor_parallel",
            "128 attention heads of deepseek-v3 do not split over 3 GPUs (128 / 3 = 42.67)",
        ),
        (
            {"tensor_parallel": 8, "pipeline_parallel": 2},
            "gpus",
            "tensor x pipeline x data = 8 x 2 = 16 ranks, and 8 GPUs are asked",
        ),
        ({"nodes": 3}, "nodes", "8 GPUs do not spread evenly over 3 nodes"),
        (
            {"model": "deepseek-r1-distill-llama-8b", "expert_parallel": True},
            "expert_parallel",
            "deepseek-r1-distill-llama-8b has no experts",
        ),
        (
            {"mig_profile": "1g.10gb", "gpus": 1, "model": "deepseek-r1-distill-llama-8b"},
            "mig_profile",
            "no MIG profile of h200-141gb is known",
        ),
        (
            {"accelerator": "h100-80gb", "mig_profile": "1g.11gb", "gpus": 1},
            "mig_profile",
            "there is no mig profile '1g.11gb'",
        ),
    ],
)
def test_a_pair_that_does_not_work_is_refused(said, where, what):
    found = refused(**said)
    assert where in found, found
    assert found[where][0] == what


def test_gaudi_is_known_and_refused_with_the_reason():
    what, fix = refused(accelerator="gaudi2-96gb")["accelerator"]
    assert what.startswith("gaudi2-96gb is refused: upstream vLLM 0.32 and TGI 3.3 have no Gaudi")
    assert fix == "Choose an NVIDIA or AMD accelerator."


def test_what_is_wrong_comes_at_once():
    assert set(refused(engine="tgi", accelerator="b200-180gb", context_tokens=10**6)) == {
        "engine",
        "context_tokens",
    }


def test_unsupported_upstream_with_somebody_running_it_is_a_warning():
    asked = wish(model="deepseek-v4-pro", accelerator="mi300x-192gb")
    assert refused(model="deepseek-v4-pro", accelerator="mi300x-192gb") == {}
    [warning] = warnings(asked, subject_of(asked))
    assert warning.where == "accelerator"
    assert "marks deepseek-v4-pro unsupported on mi300x-192gb; SemiAnalysisAI" in warning.what


def test_a_tensor_split_across_nodes_is_a_warning():
    asked = wish(gpus=16, tensor_parallel=16)
    assert [w.what for w in warnings(asked, subject_of(asked))] == [
        "16 tensor ranks reach across 2 nodes"
    ]
