"""What a model server registers. Does not prove that vLLM starts."""

import dataclasses

import pytest

from components.blueprint.load import load_stack, stack_file
from components.blueprint.plan import plan_blueprint
from components.network.plan import plan_network
from components.network.spec import NetworkSpec
from components.serving.component import ModelServer, ModelServerArgs


def planned(stack):
    spec, _ = load_stack(stack_file(stack))
    return plan_blueprint(spec).servers[0]


VLLM, SIMULATOR = planned("prod-onprem-h100"), planned("rehearsal")


@pytest.fixture
def build(cloud):
    def register(plan, egress="closed"):
        network = plan_network(NetworkSpec(exposure="internal", egress=egress), {})
        args = ModelServerArgs(plan=plan, network=network, namespace="deepseek-serving")
        cloud.build(lambda: ModelServer(plan.name, args) and None)
        return cloud.one("kubernetes:apps/v1:StatefulSet").inputs["spec"]

    return register


def test_its_children_are_pods_address_budget_and_policy(cloud, build):
    build(VLLM)
    assert [urn.rpartition("$")[2] for urn in cloud.urns()] == [
        "kubernetes:apps/v1:StatefulSet::r1-70b-pods",
        "kubernetes:core/v1:Service::r1-70b-service",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::r1-70b-policy",
        "kubernetes:policy/v1:PodDisruptionBudget::r1-70b-disruption",
        "deepseek:serving:ModelServer::r1-70b",
    ]


def test_the_pod_asks_for_the_planned_gpus_on_the_planned_nodes(build):
    pod = build(VLLM)["template"]["spec"]
    resources = pod["containers"][0]["resources"]
    assert resources["limits"] == {"nvidia.com/gpu": "4"}
    assert resources["requests"] == {"nvidia.com/gpu": "4", "cpu": "6", "memory": "15Gi"}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


def test_an_update_deletes_first_and_a_broken_revision_can_be_replaced(build):
    pods = build(VLLM)
    assert pods["updateStrategy"] == {"type": "RollingUpdate"}
    assert pods["podManagementPolicy"] == "Parallel"


def test_the_pod_is_restricted_and_knows_nothing_of_the_cluster(build):
    pod = build(VLLM)["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 2000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_weights_are_mounted_read_only_from_the_claim(build):
    pod = build(VLLM)["template"]["spec"]
    [volume] = [v for v in pod["volumes"] if v["name"] == "weights"]
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "weights"]
    assert volume["persistentVolumeClaim"] == {"claimName": "weights-nvme", "readOnly": True}
    assert (mount["mountPath"], mount["readOnly"]) == ("/weights", True)


def test_a_start_may_take_its_budget_and_a_stop_outlives_the_longest_stream(build):
    pod = build(VLLM)["template"]["spec"]
    probe = pod["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == VLLM.startup_seconds == 660
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod["terminationGracePeriodSeconds"] == 635
    assert "--shutdown-timeout=600" in pod["containers"][0]["command"]


def test_the_engine_is_reached_by_the_gateway_alone_and_reaches_nothing(cloud, build):
    build(VLLM)
    policy = cloud.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    gateway = {"matchLabels": {"kubernetes.io/metadata.name": "deepseek-gateway"}}
    assert policy["ingress"] == [
        {
            "from": [{"namespaceSelector": gateway}],
            "ports": [{"port": 8000, "protocol": "TCP"}],
        }
    ]
    assert policy["egress"] == []


def test_open_egress_is_https_and_nothing_else(cloud, build):
    build(VLLM, egress="open")
    policy = cloud.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert [(rule["to"][0]["ipBlock"]["cidr"], rule["ports"]) for rule in policy["egress"]] == [
        ("0.0.0.0/0", [{"port": 443, "protocol": "TCP"}]),
        ("::/0", [{"port": 443, "protocol": "TCP"}]),
    ]


def test_files_of_the_engine_are_mounted_and_a_new_text_is_a_new_pod(cloud, build):
    def annotations(pods):
        return pods["template"]["metadata"]["annotations"]

    before = annotations(build(SIMULATOR))
    assert "simulator.py" in cloud.one("kubernetes:core/v1:ConfigMap").inputs["data"]
    assert "r1-engine-files" in cloud.depends_on("r1-pods")

    container = dataclasses.replace(SIMULATOR.container, files={"simulator.py": "pass"})
    changed = dataclasses.replace(
        SIMULATOR, name="other", service="other-pods", container=container
    )
    again = type(cloud)()
    network = plan_network(NetworkSpec(exposure="internal", egress="closed"), {})
    args = ModelServerArgs(plan=changed, network=network, namespace="deepseek-serving")
    again.build(lambda: ModelServer("other", args) and None)
    after = annotations(again.one("kubernetes:apps/v1:StatefulSet").inputs["spec"])
    assert set(before) == set(after)
    assert before != after
