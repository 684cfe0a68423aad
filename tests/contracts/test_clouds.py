"""The Cloud contract, over everything the folders hold."""

from __future__ import annotations

from itertools import product

import pytest
from pydantic import TypeAdapter

from components.catalog.load import accelerators
from components.clouds import clouds
from components.nodes.plan import check_pool, plan_pool
from components.nodes.spec import PoolSpec
from components.spec import LabelKey, LabelValue

EVERYTHING = sorted(product(clouds(), accelerators()))
LABELS = TypeAdapter(dict[LabelKey, LabelValue])


@pytest.mark.parametrize(("cloud", "accelerator"), EVERYTHING)
def test_every_accelerator_is_found_by_labels_or_nobody_knows_them(cloud, accelerator):
    """An empty selector would be worse than None: it selects every node."""
    labels = clouds()[cloud].pool_labels(accelerators()[accelerator])
    if labels is not None:
        assert labels
        LABELS.validate_python(labels, strict=True)


@pytest.mark.parametrize(("cloud", "accelerator"), EVERYTHING)
def test_every_pool_selects_its_nodes_or_says_that_labels_are_missing(cloud, accelerator):
    spec = PoolSpec(accelerator=accelerator, nodes=2, gpus_per_node=8)
    problems = list(check_pool("gpus", spec, clouds()[cloud]))
    if problems:
        assert [problem.where for problem in problems] == ["pools.gpus.node_labels"]
    else:
        assert plan_pool("gpus", spec, clouds()[cloud]).node_labels


@pytest.mark.parametrize(("cloud", "accelerator"), EVERYTHING)
def test_labels_that_the_user_states_win(cloud, accelerator):
    mine = {"pool": "mine"}
    spec = PoolSpec(accelerator=accelerator, nodes=2, gpus_per_node=8, node_labels=mine)
    assert list(check_pool("gpus", spec, clouds()[cloud])) == []
    assert plan_pool("gpus", spec, clouds()[cloud]).node_labels == mine
