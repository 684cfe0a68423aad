import pytest

from components.catalog.load import models
from components.serving.parameters import (
    checkpoint_bytes,
    draft_pieces,
    layer_kinds,
    layer_pieces,
    stored_bytes,
    total_parameters,
)

CHECKPOINTS = [
    pytest.param(model, checkpoint, id=f"{model.name}-{precision}")
    for model in models().values()
    for precision, checkpoint in model.checkpoints.items()
]


@pytest.mark.parametrize(("model", "checkpoint"), CHECKPOINTS)
def test_the_bytes_of_shapes_and_formats_are_those_of_the_checkpoint_within_one_per_cent(
    model, checkpoint
):
    """For a published size this is evidence; for a derived one it keeps the file honest."""
    computed = checkpoint_bytes(model.shape, checkpoint.formats, with_draft=checkpoint.has_draft)
    assert computed == pytest.approx(checkpoint.size_bytes, rel=0.01)


@pytest.mark.parametrize(
    ("name", "billions"),
    {
        "deepseek-v3": 671.03,
        "deepseek-v3.2": 671.88,
        "deepseek-v4-flash": 284.3,
        "deepseek-v4-pro": 1572.9,
        "deepseek-v2-lite": 15.71,
        "deepseek-coder-v2-instruct": 235.7,
        "deepseek-r1-distill-qwen-1.5b": 1.777,
        "deepseek-r1-distill-qwen-7b": 7.62,
        "deepseek-r1-distill-qwen-14b": 14.77,
        "deepseek-r1-distill-qwen-32b": 32.76,
        "deepseek-r1-distill-llama-8b": 8.03,
        "deepseek-r1-distill-llama-70b": 70.55,
        "deepseek-r1-0528-qwen3-8b": 8.19,
        "deepseek-llm-7b-chat": 6.91,
    }.items(),
)
def test_parameters_add_up_to_the_published_count(name, billions):
    assert total_parameters(models()[name].shape) / 10**9 == pytest.approx(billions, rel=0.002)


def test_the_sizes_of_the_v4_1_recipe_are_met_part_by_part():
    """Experts with the draft's 259.5 GiB, tables 183.1, without their scales."""
    shape = models()["deepseek-v4.1-flash"].shape
    layers = [p for layer in range(shape.layers) for p in layer_pieces(shape, layer)]
    experts = [p for p in (*layers, *draft_pieces(shape)) if p.role == "expert"]
    assert sum(p.parameters for p in experts) / 2 / 2**30 == pytest.approx(259.5, abs=0.1)
    assert sum(shape.engram.rows) * shape.engram.width / 2**30 == pytest.approx(183.1, abs=0.05)


def test_layers_of_a_kind_are_counted_together():
    v3, v4 = models()["deepseek-v3"].shape, models()["deepseek-v4-flash"].shape
    assert layer_kinds(v3, range(61)) == {0: 3, 3: 58}
    assert layer_kinds(v4, range(43)) == {0: 2, 2: 21, 3: 20}


def test_scales_are_part_of_the_bytes():
    model = models()["deepseek-v4-pro"]
    [experts] = [p for p in layer_pieces(model.shape, 5) if p.role == "expert"]
    assert stored_bytes(experts, model.checkpoint.formats) / experts.parameters == 0.53125


def test_a_model_without_a_draft_head_has_no_draft_pieces():
    assert draft_pieces(models()["deepseek-v2-lite"].shape) == ()
