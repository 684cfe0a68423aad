import pytest

from components.serving.wish import Subject, Wish, subject_of


def wish(**said):
    return Wish(**{"model": "deepseek-v3", "accelerator": "h200-141gb", "gpus": 8, **said})


def problems(**said):
    found = subject_of(wish(**said))
    assert isinstance(found, tuple)
    return {problem.where: (problem.what, problem.fix) for problem in found}


def test_what_is_named_is_looked_up():
    found = subject_of(wish(nodes=None))
    assert isinstance(found, Subject)
    assert (found.model.name, found.accelerator.name) == ("deepseek-v3", "h200-141gb")
    assert (found.moniker, found.nodes) == ("vllm 0.32.0", 1)


@pytest.mark.parametrize(
    ("accelerator", "gpus", "nodes"),
    [("h200-141gb", 16, 2), ("h200-141gb", 9, 2), ("gb200-192gb", 8, 2), ("gb10-128gb", 2, 2)],
)
def test_nodes_are_as_many_as_the_gpus_need(accelerator, gpus, nodes):
    assert subject_of(wish(accelerator=accelerator, gpus=gpus)).nodes == nodes


def test_unknown_names_come_together_with_the_nearest():
    found = problems(model="deepseek-v33", accelerator="h20", engine="vlm", kv_cache_dtype="fp9")
    assert set(found) == {"model", "accelerator", "engine", "kv_cache_dtype"}
    assert found["accelerator"][0] == "there is no accelerator 'h20'"
    assert found["accelerator"][1].startswith("Did you mean 'h20-96gb'? Known: a100-40gb, ")
    assert found["engine"] == (
        "there is no engine 'vlm'",
        "Did you mean 'vllm'? Known: tgi, vllm.",
    )
    assert found["model"][1].startswith("Did you mean 'deepseek-v3'? Known: deepseek-coder-v2-")
    assert found["kv_cache_dtype"][0] == "there is no kv cache dtype 'fp9'"


@pytest.mark.parametrize(
    "field",
    [
        *("gpus", "nodes", "tensor_parallel", "pipeline_parallel", "data_parallel"),
        *("decode_context_parallel", "context_tokens", "concurrency", "kv_cache_bytes"),
        *("max_batched_tokens", "max_sequences"),
    ],
)
@pytest.mark.parametrize("count", [0, -8])
def test_a_count_below_one_is_refused(field, count):
    assert problems(**{field: count}) == {field: (f"{count} is no count", "Give 1 or more.")}


@pytest.mark.parametrize("share", [0, -0.5, 1.01, 92])
def test_a_utilization_is_a_share(share):
    assert problems(memory_utilization=share) == {
        "memory_utilization": (
            f"{share:g} is no share of a device",
            "Give more than 0 and at most 1, as 0.92.",
        )
    }


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("newest", "'newest' is no version"),
        (
            "0.4.2",
            "nothing is known of vllm 0.4.2; the first known version is 0.5.0",
        ),
    ],
)
def test_a_version_is_known_or_refused(version, what):
    assert problems(engine_version=version) == {
        "engine_version": (what, "Give a version such as 0.32.0.")
    }
