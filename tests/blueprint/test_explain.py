import pytest

from components.blueprint.explain import json_schema
from components.blueprint.load import parse_spec
from components.problems import PlanError


def problems(data):
    with pytest.raises(PlanError) as refused:
        parse_spec(data)
    return {p.where: (p.what, p.fix) for p in refused.value.problems}


def test_an_unknown_name_lists_the_nearest_and_all_known():
    found = problems({"pools": {"h": {"accelerator": "h100", "nodes": 1, "gpus_per_node": 8}}})
    what, fix = found["pools.h.accelerator"]
    assert what == "unknown accelerator 'h100'"
    assert fix.startswith("Did you mean 'h100-80gb'? Known: a100-40gb, a100-80gb, ")


def test_a_field_of_a_union_is_named_as_the_user_wrote_it():
    found = problems({"weights": {"w": {"kind": "host-path", "pth": "/x"}}})
    assert found["weights.w.pth"] == (
        "unknown key 'pth'",
        "Did you mean 'path'? Known keys here: kind, read_gb_per_second, path.",
    )
    assert found["weights.w.path"][0] == "required, and absent"


def test_an_unknown_member_of_a_union_is_refused_with_the_known_ones():
    what, _ = problems({"weights": {"w": {"kind": "s3"}}})["weights.w"]
    assert "'pvc', 'host-path'" in what


def test_a_name_in_the_wrong_form_is_explained_in_words():
    assert problems({"servers": {"R_1": {}}})["servers.R_1"] == (
        "'R_1' has the wrong form",
        "Write 1 to 40 lower-case letters, digits and hyphens, beginning with a letter.",
    )


def test_a_number_out_of_range_says_what_the_field_means():
    found = problems({"pools": {"h": {"accelerator": "h100-80gb", "nodes": 0, "gpus_per_node": 8}}})
    assert found["pools.h.nodes"] == (
        "input should be greater than 0",
        "nodes: how many such nodes there are.",
    )


def test_a_spec_that_is_no_mapping_is_refused_not_crashed():
    assert list(problems([1, 2])) == [""]
    assert list(problems(None)) == [""]


def test_every_field_of_the_schema_has_a_description():
    for name, model in json_schema()["$defs"].items():
        for field, schema in model["properties"].items():
            assert schema.get("description"), f"{name}.{field}"
