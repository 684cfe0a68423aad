import pytest
from pydantic import ValidationError

from components.catalog.load import models
from components.engines import engines
from components.serving.spec import ServerSpec

GOOD = {
    "model": "deepseek-r1-0528",
    "engine": "vllm",
    "pool": "h200",
    "context_tokens": 32768,
    "concurrency": 16,
}


def complaints(**changed):
    with pytest.raises(ValidationError) as refused:
        ServerSpec(**GOOD | changed)
    return [(line["loc"], line["msg"]) for line in refused.value.errors()]


def test_what_a_user_need_not_say():
    spec = ServerSpec(**GOOD)
    assert (spec.replicas, spec.weights, spec.parallelism, spec.extra_args) == (1, None, None, ())


def test_what_a_user_has_to_say_is_asked_for_at_once():
    with pytest.raises(ValidationError) as refused:
        ServerSpec()
    assert [line["loc"][0] for line in refused.value.errors()] == list(GOOD)


@pytest.mark.parametrize(
    ("field", "value", "table", "meant"),
    [
        ("model", "deepseek-r1-05", models, "Did you mean 'deepseek-r1-0528'? "),
        (
            "model",
            "deepseek-ai/DeepSeek-R1-05",
            models,
            "Did you mean 'deepseek-ai/DeepSeek-R1-0528'? ",
        ),
        ("engine", "vlm", engines, "Did you mean 'vllm'? "),
        ("engine", "sglang", engines, ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_all_known(field, value, table, meant):
    known = ", ".join(sorted(table()))  # read, not listed: a new file edits no test
    assert complaints(**{field: value}) == [
        ((field,), f"Value error, unknown {field} {value!r}. {meant}Known: {known}")
    ]


@pytest.mark.parametrize("name", ["deepseek-r1-0528", "deepseek-ai/DeepSeek-R1-0528"])
def test_a_model_is_named_by_its_id_or_by_its_repository(name):
    assert ServerSpec(**GOOD | {"model": name}).model == name


@pytest.mark.parametrize("field", ["replicas", "context_tokens", "concurrency"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "Input should be greater than 0"),
        (-1, "Input should be greater than 0"),
        (1.5, "Input should be a valid integer"),
        ("8", "Input should be a valid integer"),
        (None, "Input should be a valid integer"),
    ],
)
def test_a_count_is_a_positive_whole_number(field, value, message):
    assert complaints(**{field: value}) == [((field,), message)]


@pytest.mark.parametrize(
    ("parallelism", "path"),
    [
        ({"tensor": 0}, ("parallelism", "tensor")),
        ({"tensor": "8"}, ("parallelism", "tensor")),
        ({}, ("parallelism", "tensor")),
        ({"tensor": 8, "pipeline": 2}, ("parallelism", "pipeline")),
    ],
)
def test_a_split_says_over_how_many_gpus_and_nothing_else(parallelism, path):
    assert [loc for loc, _ in complaints(parallelism=parallelism)] == [path]


def test_extra_arguments_are_a_list_of_texts():
    assert ServerSpec(**GOOD, extra_args=["--seed=1"]).extra_args == ("--seed=1",)
    assert complaints(extra_args=[8]) == [(("extra_args", 0), "Input should be a valid string")]
    assert [path for path, _ in complaints(extra_args="--seed=1")] == [("extra_args",)]


def test_a_misspelt_key_is_refused():
    assert complaints(contexttokens=1) == [(("contexttokens",), "Extra inputs are not permitted")]
