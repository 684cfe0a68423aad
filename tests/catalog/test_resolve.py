import pytest

from components.catalog.load import models
from components.catalog.resolve import find_model, repositories
from components.problems import Problem


def test_an_id_is_its_native_precision():
    found = find_model("deepseek-r1-0528")
    assert (found.name, found.native) == ("deepseek-r1-0528", "fp8")
    assert found.repository == "deepseek-ai/DeepSeek-R1-0528"


def test_a_repository_of_hugging_face_is_its_model():
    assert find_model("deepseek-ai/DeepSeek-R1-0528") == find_model("deepseek-r1-0528")


def test_a_quantised_repository_fixes_the_precision():
    found = find_model("cognitivecomputations/DeepSeek-R1-AWQ")
    assert (found.name, found.native) == ("deepseek-r1", "awq-int4")
    assert found.checkpoint.size_bytes == models()["deepseek-r1"].checkpoints["awq-int4"].size_bytes


def test_a_second_repository_of_a_precision_is_the_one_that_is_served():
    found = find_model("meituan/DeepSeek-R1-Channel-INT8")
    assert (found.native, found.repository) == ("int8", "meituan/DeepSeek-R1-Channel-INT8")


def test_a_precision_is_another_checkpoint_of_the_same_shape():
    found = find_model("deepseek-r1", "nvfp4")
    assert found.repository == "nvidia/DeepSeek-R1-FP4"
    assert found.shape == models()["deepseek-r1"].shape


@pytest.mark.parametrize(
    ("name", "precision", "what"),
    [
        ("deepseek-r9", None, "there is no model 'deepseek-r9'"),
        ("deepseek-v3.2", "awq-int4", "nobody publishes deepseek-v3.2 in awq-int4"),
        ("deepseek-v3.2", "fp88", "there is no precision 'fp88'"),
        (
            "nvidia/DeepSeek-R1-FP4",
            "fp8",
            "nvidia/DeepSeek-R1-FP4 is the nvfp4 checkpoint, not fp8",
        ),
    ],
)
def test_what_does_not_exist_is_refused(name, precision, what):
    found = find_model(name, precision)
    assert isinstance(found, Problem)
    assert found.what == what


def test_no_two_checkpoints_share_a_repository():
    """Else a name would lead to two precisions."""
    named = [
        repository
        for model in models().values()
        for checkpoint in model.checkpoints.values()
        for repository in (checkpoint.repository, *checkpoint.also)
        if "/" in repository
    ]
    assert len(named) == len(set(named)) == len(repositories())
