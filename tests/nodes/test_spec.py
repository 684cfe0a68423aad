import pytest
from pydantic import ValidationError

from components.catalog.load import accelerators
from components.nodes.spec import PoolSpec

GOOD = {"accelerator": "h100-80gb", "nodes": 2, "gpus_per_node": 8}


def complaints(**changed):
    with pytest.raises(ValidationError) as refused:
        PoolSpec(**GOOD | changed)
    return [(line["loc"], line["msg"]) for line in refused.value.errors()]


def test_no_node_is_kept_spare_unless_it_is_said():
    assert PoolSpec(**GOOD).spare_nodes == 0


def test_a_misspelt_accelerator_is_refused_with_the_nearest_and_all_known():
    every = ", ".join(sorted(accelerators()))  # read, not listed: a new GPU edits no test
    assert complaints(accelerator="h100") == [
        (
            ("accelerator",),
            (f"Value error, unknown accelerator 'h100'. Did you mean 'h100-80gb'? Known: {every}"),
        )
    ]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("nodes", 0, "Input should be greater than 0"),
        ("nodes", "2", "Input should be a valid integer"),
        ("nodes", 2.0, "Input should be a valid integer"),
        ("gpus_per_node", 0, "Input should be greater than or equal to 1"),
        ("gpus_per_node", 17, "Input should be less than or equal to 16"),
        ("spare_nodes", -1, "Input should be greater than or equal to 0"),
    ],
)
def test_a_count_that_no_pool_can_have_is_refused(field, value, message):
    assert complaints(**{field: value}) == [((field,), message)]


def test_every_wrong_field_is_named_at_once():
    assert [path for path, _ in complaints(nodes=0, gpus_per_node=0, gpus=8)] == [
        ("nodes",),
        ("gpus_per_node",),
        ("gpus",),
    ]


def test_labels_that_select_nothing_in_particular_are_refused():
    """No labels at all would select every node of the cluster."""
    assert [path for path, _ in complaints(node_labels={})] == [("node_labels",)]


@pytest.mark.parametrize(
    "labels", [{"": "x"}, {"a b": "x"}, {"pool": "-x"}, {"pool": 1}, {"pool": None}]
)
def test_what_kubernetes_would_not_take_as_a_label_is_refused(labels):
    assert [path[0] for path, _ in complaints(node_labels=labels)] == ["node_labels"]
