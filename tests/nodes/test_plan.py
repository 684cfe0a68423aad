import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clouds import clouds
from components.nodes.plan import check_pool, may_fragment, nodes_needed, plan_pool
from components.nodes.spec import PoolSpec

ONPREM = clouds()["onprem"]
NODES = st.integers(min_value=1, max_value=16)  # the range of gpus_per_node


@st.composite
def fitting(draw):
    """GPUs of a node, and replicas that each fit into one."""
    gpus = draw(NODES)
    return gpus, draw(st.lists(st.integers(min_value=1, max_value=gpus), max_size=20))


def spec(**changed):
    good = {"accelerator": "h100-80gb", "nodes": 4, "gpus_per_node": 8, "spare_nodes": 1}
    return PoolSpec(**good | changed)


def problems(**changed):
    return [str(problem) for problem in check_pool("gpus", spec(**changed), ONPREM)]


def test_spare_nodes_are_not_planned_with():
    plan = plan_pool("gpus", spec(), ONPREM)
    assert (plan.nodes, plan.usable_nodes, plan.gpus_per_node) == (4, 3, 8)


def test_a_pool_is_found_by_the_labels_of_the_vendors_discovery():
    plan = plan_pool("gpus", spec(), ONPREM)
    assert plan.node_labels == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}


def test_the_users_labels_take_the_place_of_the_vendors():
    plan = plan_pool("gpus", spec(node_labels={"pool": "mine"}), ONPREM)
    assert plan.node_labels == {"pool": "mine"}


@pytest.mark.parametrize(
    ("accelerator", "resource"),
    [("h100-80gb", "nvidia.com/gpu"), ("mi300x-192gb", "amd.com/gpu")],
)
def test_a_pod_asks_for_the_resource_of_the_vendor_and_tolerates_its_taint(accelerator, resource):
    plan = plan_pool("gpus", spec(accelerator=accelerator), ONPREM)
    assert (plan.gpu_resource, plan.taint_key) == (resource, resource)


@pytest.mark.parametrize("spare", [4, 5])
def test_a_pool_of_spares_alone_is_refused(spare):
    assert problems(spare_nodes=spare) == [
        (
            f"pools.gpus.spare_nodes: {spare} spare of 4 nodes leaves none to serve on. "
            "Keep fewer nodes spare or add nodes."
        )
    ]


def test_one_node_more_than_spares_is_enough():
    assert problems(spare_nodes=3) == []


def test_labels_that_nobody_could_read_have_to_be_stated():
    assert problems(accelerator="h200-141gb") == [
        (
            "pools.gpus.node_labels: the labels of h200-141gb nodes could not be read from a "
            "source. State the labels that select them; `kubectl get nodes --show-labels` lists "
            "them."
        )
    ]


@pytest.mark.parametrize(
    ("replicas", "gpus", "nodes"),
    [
        ([], 8, 0),
        ([8], 8, 1),
        ([4, 4], 8, 1),
        ([5, 4], 8, 2),  # 9 GPUs
        ([5, 5, 3, 3], 8, 2),  # 16 GPUs: by size, 5 + 3 twice
        ([3, 3, 5, 5], 8, 2),  # the same in another order
        ([4, 8, 4], 8, 2),
        ([6, 6, 6], 8, 3),  # 18 GPUs would fit into 24, but no replica is split
        ([1] * 9, 8, 2),
    ],
)
def test_replicas_are_packed_without_being_split(replicas, gpus, nodes):
    assert nodes_needed(replicas, gpus) == nodes


@given(fitting())
def test_never_fewer_nodes_than_the_gpus_take(case):
    gpus, replicas = case
    assert nodes_needed(replicas, gpus) >= -(-sum(replicas) // gpus)


@given(fitting())
def test_never_more_nodes_than_replicas(case):
    gpus, replicas = case
    assert nodes_needed(replicas, gpus) <= len(replicas)


@given(fitting(), st.randoms(use_true_random=False))
def test_the_order_of_the_replicas_does_not_matter(case, random):
    gpus, replicas = case
    shuffled = random.sample(replicas, len(replicas))
    assert nodes_needed(shuffled, gpus) == nodes_needed(replicas, gpus)


@given(fitting(), st.data())
def test_one_replica_less_never_needs_more_nodes(case, data):
    """True for nodes of up to 16 GPUs: no counterexample in 20 million random cases."""
    gpus, replicas = case
    kept = list(replicas)
    if kept:
        kept.pop(data.draw(st.integers(min_value=0, max_value=len(kept) - 1)))
    assert nodes_needed(kept, gpus) <= nodes_needed(replicas, gpus)


@given(st.sampled_from([1, 2, 4, 8, 16]), st.lists(st.sampled_from([1, 2, 4, 8, 16]), max_size=20))
def test_replicas_of_a_power_of_two_leave_no_gap(gpus, sizes):
    """The sizes that heads of real models allow: the packing is then the best there is."""
    replicas = [size for size in sizes if size <= gpus]
    assert nodes_needed(replicas, gpus) == -(-sum(replicas) // gpus)


@given(fitting())
def test_one_gpu_more_in_each_node_never_needs_more_nodes(case):
    """True for nodes of up to 16 GPUs: no counterexample in 30 million random cases.

    It is no law of first-fit decreasing: see the next test.
    """
    gpus, replicas = case
    assert nodes_needed(replicas, gpus + 1) <= nodes_needed(replicas, gpus)


def test_beyond_the_range_of_the_spec_larger_nodes_can_need_more():
    """The classic anomaly of the algorithm. Raise the limit of gpus_per_node with this in mind."""
    replicas = [44, 24, 24, 22, 21, 17, 8, 8, 6, 6]
    assert [nodes_needed(replicas, gpus) for gpus in (60, 61)] == [3, 4]


@pytest.mark.parametrize(
    ("replicas", "nodes", "gpus", "may"),
    [
        ([8, 4, 4], 2, 8, True),  # the two small ones on a node each: none has 8 free
        ([8, 4, 4], 3, 8, False),
        ([4, 4, 4, 4], 2, 8, False),  # a node of fours has 4 free or none
        ([8, 8], 2, 8, False),
        ([8, 1, 1], 2, 8, True),
        ([], 2, 8, False),
    ],
)
def test_some_order_of_placing_may_leave_a_replica_without_a_node(replicas, nodes, gpus, may):
    assert may_fragment(replicas, nodes, gpus) == may


@given(fitting(), st.randoms(use_true_random=False))
def test_where_no_order_fragments_every_order_finds_a_node(case, random):
    """Each replica goes to any node that has room, as a scheduler may choose."""
    gpus, replicas = case
    nodes = nodes_needed(replicas, gpus)
    if may_fragment(replicas, nodes, gpus):
        return
    free = [gpus] * nodes
    for wanted in random.sample(replicas, len(replicas)):
        roomy = [node for node in range(nodes) if free[node] >= wanted]
        assert roomy != []
        free[random.choice(roomy)] -= wanted
