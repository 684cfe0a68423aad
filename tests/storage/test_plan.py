from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.catalog.load import models
from components.clouds import clouds
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.storage.plan import (
    GIB,
    check_weights,
    plan_weights,
    size_gib,
    weights_path,
)
from components.storage.spec import HostPathWeights, PvcWeights, WeightsSpec

R1, V31 = models()["deepseek-r1-0528"], models()["deepseek-v3.1"]
LLAMA = models()["deepseek-r1-distill-llama-70b"]
H100 = plan_pool(
    "h100", PoolSpec(accelerator="h100-80gb", nodes=2, gpus_per_node=8), clouds()["onprem"]
)
SUBSETS = st.lists(st.sampled_from(sorted(models())), min_size=1, max_size=6)


def pvc(**changed):
    return PvcWeights(**{"kind": "pvc", "read_gb_per_second": 4.8} | changed)


def host_path():
    return HostPathWeights(kind="host-path", path="/mnt/w", read_gb_per_second=10)


def plan(spec, used_by=(R1,), pools=(H100,)):
    return plan_weights("shared", spec, used_by, pools, {"owner": "platform"})


def problems(spec, used_by=(R1,)):
    return [str(problem) for problem in check_weights("shared", spec, used_by)]


def test_a_claim_of_ours_is_named_sized_and_created():
    planned = plan(pvc())
    assert (planned.claim, planned.size_gib, planned.creates_claim) == ("weights-shared", 706, True)


def test_no_class_means_the_clusters_own_and_not_none_at_all():
    """In Kubernetes "" switches provisioning off: such a claim would wait for ever."""
    assert plan(pvc()).storage_class is None
    assert plan(pvc(storage_class="lustre")).storage_class == "lustre"
    assert plan(host_path()).storage_class == ""


def test_an_existing_claim_is_used_and_not_created():
    planned = plan(pvc(claim="existing"))
    assert (planned.claim, planned.creates_claim, planned.volume) == ("existing", False, None)


def test_a_stated_size_takes_the_place_of_the_derived_one():
    assert plan(pvc(size_gib=4800)).size_gib == 4800


def test_the_claim_can_be_written_by_a_job_and_read_by_every_node():
    assert plan(pvc()).access_mode == "ReadWriteMany"


def test_a_folder_of_the_nodes_becomes_a_volume_that_is_only_read():
    planned = plan(host_path())
    assert planned.access_mode == "ReadOnlyMany"
    assert planned.volume.path == "/mnt/w"
    assert planned.creates_claim
    assert planned.claim == "weights-shared"


def test_a_folder_is_looked_for_on_the_nodes_of_every_pool_that_reads_it():
    other = replace(H100, name="other", node_labels={"pool": "other"})
    assert plan(host_path(), pools=(H100, other)).volume.node_labels == (
        {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
        {"pool": "other"},
    )


@pytest.mark.parametrize(("spec", "on_network"), [(pvc(), True), (host_path(), False)])
def test_a_claim_is_read_over_the_network_and_a_folder_is_not(spec, on_network):
    assert plan(spec).on_network == on_network


def test_a_rate_of_4_8_gb_is_4800_mb():
    assert plan(pvc(read_gb_per_second=4.8)).read_mb_per_second == 4800


@given(st.integers(min_value=1, max_value=1_000_000))
@example(1001)  # as floats, 1.001 x 1000 is 1000.9999999999999
def test_every_rate_that_can_be_written_is_read_exactly(mb_per_second):
    spec = TypeAdapter(WeightsSpec).validate_python(
        {"kind": "pvc", "read_gb_per_second": mb_per_second / 1000}
    )
    assert plan(spec).read_mb_per_second == mb_per_second


@pytest.mark.parametrize(
    ("stored", "gib"),
    [
        ([], 0),
        ([R1], 706),  # 688.5 GB x 1.1 = 705.3 GiB
        ([LLAMA], 145),  # 141.1 GB x 1.1 = 144.6 GiB
        ([R1, LLAMA], 850),  # rounded once: 705.3 + 144.6 = 849.9
        ([R1, R1], 706),
        ([R1, V31], 1411),
    ],
)
def test_the_size_is_that_of_the_distinct_checkpoints_and_a_tenth(stored, gib):
    assert size_gib(stored) == gib


@given(SUBSETS)
def test_the_size_is_the_least_whole_number_that_holds_a_tenth_more(names):
    stored = [models()[name] for name in names]
    wanted = 11 * sum(models()[name].checkpoint.size_bytes for name in set(names))
    assert 10 * GIB * size_gib(stored) >= wanted > 10 * GIB * (size_gib(stored) - 1)


@given(SUBSETS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_the_size(names, random):
    stored = [models()[name] for name in names]
    shuffled = random.sample(stored + stored, 2 * len(stored))
    assert size_gib(shuffled) == size_gib(stored)


def test_a_claim_that_cannot_hold_the_checkpoints_is_refused_with_the_size_that_can():
    assert problems(pvc(size_gib=849), (R1, LLAMA)) == [
        (
            "weights.shared.size_gib: 849 GiB cannot hold deepseek-r1-0528, "
            "deepseek-r1-distill-llama-70b: 850 GiB with a tenth to spare. "
            "Set it to 850 or more, or leave it out."
        )
    ]
    assert problems(pvc(size_gib=850), (R1, LLAMA)) == []


def test_an_existing_claim_is_neither_sized_nor_classed_by_us():
    assert problems(pvc(claim="existing", storage_class="lustre", size_gib=4800)) == [
        f"weights.shared.{field}: the claim 'existing' exists, so its {field} is not ours to "
        f"decide. Leave out {field}, or leave out claim to have one created."
        for field in ("storage_class", "size_gib")
    ]


@pytest.mark.parametrize("spec", [pvc(), pvc(claim="existing"), host_path()])
def test_what_is_left_to_us_is_fine(spec):
    assert problems(spec) == []


def test_a_checkpoint_lies_under_the_name_of_its_repository():
    assert weights_path(R1) == "/weights/deepseek-ai/DeepSeek-R1-0528"


def test_tags_become_labels():
    assert plan(pvc()).labels["owner"] == "platform"
