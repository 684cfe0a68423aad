import pytest

from operations.verify.differences import differences


@pytest.mark.parametrize(
    ("deployed", "planned", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 3}}, {"a": {"b": 2}}, ["a.b: 3 deployed, 2 planned"]),
        ({"a": [1, "x"]}, {"a": [1, "y"]}, ['a.1: "x" deployed, "y" planned']),
        ({"a": [1]}, {"a": [1, 2]}, ["a: 1 entries deployed, 2 entries planned"]),
        ({}, {"b": None}, ["b: nothing deployed, null planned"]),
        ({"b": {"c": 1}}, {}, ["b: 1 entries deployed, nothing planned"]),
        ("x", {}, ['the whole: "x" deployed, 0 entries planned']),
    ],
)
def test_places_that_differ_are_named_with_both_values(deployed, planned, said):
    assert differences(deployed, planned) == said
