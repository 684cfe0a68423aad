"""What weights register. Does not prove that a claim is bound: tests/engine does."""

from decimal import Decimal

from components.catalog.load import models
from components.clouds import clouds
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.storage.component import (
    ClaimedWeights,
    HostPathWeights,
    HostPathWeightsArgs,
    WeightsArgs,
)
from components.storage.plan import plan_weights
from components.storage.spec import HostPathWeights as HostPathSpec
from components.storage.spec import PvcWeights

MODEL = models()["deepseek-r1-distill-qwen-32b"]
POOLS = [
    plan_pool(name, PoolSpec(accelerator=gpu, nodes=1, gpus_per_node=8), clouds()["onprem"])
    for name, gpu in (("h100", "h100-80gb"), ("mi300x", "mi300x-192gb"))
]


def test_a_claim_asks_the_class_for_the_size_of_the_models(cloud):
    spec = PvcWeights(kind="pvc", read_gb_per_second=Decimal(1), storage_class="ceph")
    plan = plan_weights("shared", spec, [MODEL], [], {})
    cloud.build(lambda: ClaimedWeights("w", WeightsArgs(plan=plan, namespace="ns")) and None)
    claim = cloud.one("kubernetes:core/v1:PersistentVolumeClaim").inputs
    assert claim["metadata"]["name"] == "weights-shared"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "ceph",
        "resources": {"requests": {"storage": "68Gi"}},
    }


def test_a_folder_of_the_nodes_is_a_volume_that_one_claim_takes(cloud):
    spec = HostPathSpec(kind="host-path", path="/mnt/w", read_gb_per_second=Decimal(10))
    plan = plan_weights("nvme", spec, [MODEL], POOLS, {})
    args = HostPathWeightsArgs(plan=plan, namespace="ns", volume=plan.volume)
    cloud.build(lambda: HostPathWeights("w", args) and None)

    volume = cloud.one("kubernetes:core/v1:PersistentVolume").inputs["spec"]
    claim = cloud.one("kubernetes:core/v1:PersistentVolumeClaim").inputs["spec"]
    assert volume["hostPath"] == {"path": "/mnt/w", "type": "Directory"}
    assert volume["claimRef"] == {"name": "weights-nvme", "namespace": "ns"}
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    assert (claim["volumeName"], claim["storageClassName"]) == ("weights-nvme", "")
    assert cloud.depends_on("w-claim") == ["w-volume"]


def test_the_volume_is_on_the_nodes_of_every_pool_that_reads_it(cloud):
    spec = HostPathSpec(kind="host-path", path="/mnt/w", read_gb_per_second=Decimal(10))
    plan = plan_weights("nvme", spec, [MODEL], POOLS, {})
    args = HostPathWeightsArgs(plan=plan, namespace="ns", volume=plan.volume)
    cloud.build(lambda: HostPathWeights("w", args) and None)
    terms = cloud.one("kubernetes:core/v1:PersistentVolume").inputs["spec"]["nodeAffinity"]
    assert [
        (e["key"], e["operator"], e["values"])
        for term in terms["required"]["nodeSelectorTerms"]
        for e in term["matchExpressions"]
    ] == [
        ("nvidia.com/gpu.product", "In", ["NVIDIA-H100-80GB-HBM3"]),
        ("amd.com/gpu.product-name", "In", ["AMD_Instinct_MI300X_OAM"]),
    ]
