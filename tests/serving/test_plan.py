from dataclasses import replace

import pytest

from components.catalog.load import images
from components.clouds import clouds
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.serving.plan import ask_of, check_server, plan_server
from components.serving.spec import ServerSpec
from components.storage.plan import plan_weights
from components.storage.spec import HostPathWeights, PvcWeights

GOOD = {
    "model": "deepseek-r1-0528",
    "engine": "vllm",
    "pool": "h200",
    "weights": "shared",
    "replicas": 2,
    "context_tokens": 32768,
    "concurrency": 16,
}
NODES = {"pool": "mine"}
SHARED = PvcWeights(kind="pvc", read_gb_per_second=4.8)
NVME = HostPathWeights(kind="host-path", path="/mnt/w", read_gb_per_second=10)


class Situation:
    """A server on eight GPUs a node, with one thing changed."""

    def __init__(self, store=SHARED, accelerator="h200-141gb", names=("r1",), **changed):
        pool = PoolSpec(accelerator=accelerator, nodes=2, gpus_per_node=8, node_labels=NODES)
        self.spec = ServerSpec(**GOOD | changed)
        self.pool = plan_pool("h200", pool, clouds()["onprem"])
        self.weights = None
        if self.spec.weights is not None:
            self.weights = plan_weights(self.spec.weights, store, [], [self.pool], {})
        self.names = names

    def plan(self, tags=None):
        where = ("server-one", self.spec, self.pool, self.weights, self.names)
        return plan_server(*where, tags=tags or {})

    def problems(self):
        ask = ask_of("server-one", self.spec, self.pool, self.weights, self.names)
        return [str(problem) for problem in check_server(self.spec, ask)]


def test_a_good_server_has_no_problems():
    assert Situation().problems() == []


def test_pods_of_a_server_are_found_by_three_labels_that_never_change():
    selected = {
        "app.kubernetes.io/name": "vllm",
        "app.kubernetes.io/instance": "server-one",
        "app.kubernetes.io/component": "serving",
    }
    plan = Situation().plan({"owner": "platform"})
    assert plan.selector == selected
    assert {key: value for key, value in plan.labels.items() if key not in selected} == {
        "owner": "platform",
        "app.kubernetes.io/part-of": "deepseek-blueprint",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def test_pods_ask_for_the_gpus_and_go_to_the_nodes_of_their_pool():
    plan = Situation().plan()
    assert (plan.gpu_resource, plan.tensor_parallel) == ("nvidia.com/gpu", 8)
    assert (plan.taint_key, plan.node_labels) == ("nvidia.com/gpu", NODES)


def test_the_service_has_the_name_of_the_server():
    plan = Situation().plan()
    assert (plan.name, plan.service, plan.namespace) == (
        "server-one",
        "server-one-pods",
        "deepseek-serving",
    )


def test_the_image_is_the_one_of_the_lock():
    assert Situation().plan().image == images()["vllm-cuda"].reference


@pytest.mark.parametrize(
    ("situation", "gib"),
    [
        # 15 for shared memory; prefetched, the checkpoint may be 90 % of what the pod has.
        (Situation(), 15 + 713),  # 688.5 GB / 0.9 = 712.5 GiB
        (Situation(model="deepseek-r1-distill-llama-70b"), 15 + 147),  # 141.1 GB / 0.9 = 146.01
        (Situation(store=NVME), 15),
    ],
)
def test_a_pod_that_prefetches_asks_for_memory_for_the_whole_checkpoint(situation, gib):
    assert situation.plan().memory_request_gib == gib


@pytest.mark.parametrize(
    ("situation", "seconds"),
    [
        (Situation(), 890),
        (Situation(store=NVME), 740),  # 2 x 68.85 + 600 = 737.7
        (Situation(engine="simulator", weights=None), 600),
    ],
)
def test_the_start_budget_follows_from_the_storage(situation, seconds):
    plan = situation.plan()
    assert plan.startup_seconds == seconds
    assert plan.startup_seconds % plan.startup_period_seconds == 0


def test_only_an_engine_that_is_silent_for_three_minutes_is_restarted():
    plan = Situation().plan()
    assert plan.liveness_failures * plan.liveness_period_seconds == 180


def test_an_engine_that_is_silent_for_ten_seconds_gets_no_requests():
    plan = Situation().plan()
    assert plan.readiness_failures * plan.readiness_period_seconds == 10


def test_a_pod_has_time_to_leave_the_service_and_to_finish_the_longest_stream():
    plan = Situation().plan()
    assert "--shutdown-timeout=600" in plan.container.command
    assert plan.grace_seconds == plan.pre_stop_seconds + 600 + 30


def test_an_update_waits_for_every_replica_to_drain_and_to_load():
    assert Situation().plan().ready_timeout_seconds == 2 * (635 + 890)


@pytest.mark.parametrize(("weights", "claims"), [("shared", ("weights-shared",)), (None, ())])
def test_the_claim_is_mounted_if_there_is_one(weights, claims):
    assert Situation(engine="simulator", weights=weights).plan().claims == claims


def test_the_simulator_brings_its_program_and_vllm_brings_nothing():
    [files] = Situation(engine="simulator").plan().file_sets
    assert {"simulator.py", "batch.py"} < set(files)
    assert Situation().plan().file_sets == ()


def test_the_engine_answers_to_every_name_that_leads_to_it():
    command = Situation(names=("r1", "reasoner")).plan().container.command
    position = command.index("--served-model-name")
    assert command[position + 1 : position + 3] == ("r1", "reasoner")


def test_a_context_that_the_model_does_not_have_is_refused_with_the_one_it_has():
    assert Situation(context_tokens=163841).problems() == [
        (
            "servers.server-one.context_tokens: deepseek-r1-0528 ends at 163840 tokens, "
            "163841 are asked. Set it to 163840 or less."
        )
    ]
    assert Situation(context_tokens=163840).problems() == []


def test_an_engine_without_weights_is_refused():
    assert Situation(weights=None).problems() == [
        (
            "servers.server-one.weights: vllm loads deepseek-r1-0528 from a volume and none is "
            "named. Name an entry of weights."
        )
    ]


def test_an_image_whose_tag_nobody_could_read_is_refused():
    """Never a guess, never `latest`: the operator of a connected machine reads it."""
    assert Situation(accelerator="mi300x-192gb").problems() == [
        (
            "servers.server-one.engine: the tag of docker.io/vllm/vllm-openai-rocm could not be "
            "read from a source, so vllm has no image for mi300x-192gb. "
            "Write tag and digest of vllm-rocm into images.lock.yaml, with their source."
        )
    ]


def test_all_problems_of_a_server_come_at_once():
    problems = Situation(
        accelerator="a100-80gb", weights=None, context_tokens=10**6, extra_args=["--api-key=x"]
    ).problems()
    assert [problem.split(":")[0].removeprefix("servers.server-one.") for problem in problems] == [
        "weights",
        "context_tokens",
        "extra_args.0",
    ]


def test_a_plan_cannot_be_changed_after_it_was_made():
    plan = Situation().plan()
    with pytest.raises(AttributeError):
        plan.replicas = 3
    assert replace(plan, replicas=3).replicas == 3


def test_a_tag_is_no_reason_to_restart_an_engine():
    plan = Situation().plan(tags={"cost-center": "4711"})
    assert "cost-center" in plan.labels
    assert "cost-center" not in plan.pod_labels
    assert plan.selector.items() <= plan.pod_labels.items()
