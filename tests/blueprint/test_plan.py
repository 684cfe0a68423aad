from components.blueprint.plan import plan_warnings


def test_gpus_that_do_not_divide_the_heads_are_refused_with_the_arithmetic(refusal):
    found = refusal(lambda s: s["servers"]["r1"].update(parallelism={"tensor": 3}))
    assert found["servers.r1.parallelism.tensor"] == (
        (
            "64 attention heads of deepseek-r1-distill-llama-70b do not split over 3 GPUs "
            "(64 / 3 = 21.33)"
        ),
        "Use one of 1, 2, 4, 8.",
    )


def test_more_gpus_than_the_pool_has_are_refused_with_the_sum(refusal):
    assert refusal(lambda s: s["servers"]["r1"].update(replicas=3)) == {
        "pools.h100": (
            "replicas need 3 x 8 (r1) = 24 GPUs on 3 nodes; there are 2 usable nodes of 8 GPUs",
            "Use fewer replicas or GPUs in each, add nodes, or keep fewer spare.",
        )
    }


def test_a_spare_node_is_not_there_to_serve_on(refusal):
    assert list(refusal(lambda s: s["pools"]["h100"].update(spare_nodes=1))) == ["pools.h100"]


def test_replicas_that_leave_a_remainder_on_each_node_need_another_node(refusal):
    """Twelve GPUs of sixteen, yet three replicas of five do not fit two nodes of eight."""

    def odd(spec):
        spec["pools"]["h100"]["gpus_per_node"] = 6
        spec["servers"]["r1"].update(replicas=3, parallelism={"tensor": 4})

    assert refusal(odd)["pools.h100"][0].startswith("replicas need 3 x 4 (r1) = 12 GPUs on 3 nodes")


def test_a_replica_larger_than_a_node_is_refused_once(refusal):
    found = refusal(lambda s: s["servers"]["r1"].update(parallelism={"tensor": 16}))
    assert list(found) == ["servers.r1.parallelism.tensor"]


def test_names_that_lead_nowhere_are_refused_with_the_nearest(refusal):
    found = refusal(lambda s: s["servers"]["r1"].update(pool="h10", weights="nvm"))
    assert found["servers.r1.pool"] == (
        "there is no pool 'h10'",
        "Did you mean 'h100'? Known: h100.",
    )
    assert found["servers.r1.weights"] == (
        "there is no weights 'nvm'",
        "Did you mean 'nvme'? Known: nvme.",
    )


def test_problems_of_all_slices_come_at_once(refusal):
    def broken(spec):
        spec["network"]["client_cidrs"] = ["8.8.8.0/24"]
        spec["pools"]["h100"]["spare_nodes"] = 2
        spec["servers"]["r1"]["extra_args"] = ["--tensor-parallel-size=4"]
        spec["gateway"]["tenants"]["acme"]["tier"] = "glod"

    assert set(refusal(broken)) == {
        "network.client_cidrs.0",
        "pools.h100.spare_nodes",
        "pools.h100",
        "servers.r1.extra_args.0",
        "gateway.tenants.acme.tier",
    }


def test_weights_that_nobody_reads_are_refused(refusal):
    spare = {"kind": "pvc", "read_gb_per_second": 1}
    assert refusal(lambda s: s["weights"].update(spare=spare)) == {
        "weights.spare": ("no server reads from it", "Use it or remove it.")
    }


def test_an_fp8_checkpoint_is_refused_on_a_gpu_without_fp8(refusal):
    def ampere(spec):
        spec["servers"]["r1"]["model"] = "deepseek-r1-0528"
        spec["pools"]["h100"] |= {"accelerator": "a100-80gb", "node_labels": {"gpu": "a100"}}

    what, _ = refusal(ampere)["servers.r1.precision"]
    assert what == (
        "a100-80gb does not compute fp8, in which deepseek-ai/DeepSeek-R1-0528 is published"
    )


def test_a_server_that_does_not_fit_is_refused_with_the_sum_and_what_would(refusal):
    found = refusal(lambda s: s["servers"]["r1"].update(concurrency=64))
    assert list(found) == ["servers.r1"]
    what, fix = found["servers.r1"]
    assert what == (
        "deepseek-r1-distill-llama-70b (bf16) on 8 x h100-80gb: 64 x 32768 tokens need 80.00 GiB, "
        "50.60 GiB are left for the cache on each GPU"
    )
    assert fix == (
        "Smallest changes that fit: a fp8 cache [8 GPUs]; or 18432 tokens of context [8 GPUs]; or "
        "36 requests at once [8 GPUs]."
    )


def test_a_server_within_the_margin_is_planned_when_the_spec_accepts_it(planned, refusal):
    def close(spec):
        spec["servers"]["r1"]["concurrency"] = 39

    assert list(refusal(close)) == ["servers.r1"]

    def accepted(spec):
        close(spec)
        spec["servers"]["r1"]["accept_marginal"] = True

    [server] = planned(accepted).servers
    assert (server.fit.verdict, server.fit.accepts_marginal) == ("marginal", True)


def test_an_engine_without_weights_is_not_gated_and_says_so(planned):
    def simulated(spec):
        spec["servers"]["r1"].update(engine="simulator", concurrency=1000)

    plan = planned(simulated)
    assert plan.servers[0].fit is None
    assert [str(w) for w in plan_warnings(plan) if w.where == "servers.r1.engine"] == [
        (
            "servers.r1.engine: simulator loads no weights, so nothing was checked to fit. "
            "`blueprint fit --model deepseek-r1-distill-llama-70b` answers it for an engine that "
            "does."
        )
    ]


def test_labels_that_nobody_could_read_have_to_be_stated(refusal):
    found = refusal(lambda s: s["pools"]["h100"].update(accelerator="h200-141gb"))
    assert found["pools.h100.node_labels"][0] == (
        "the labels of h200-141gb nodes could not be read from a source"
    )


def test_an_image_whose_tag_nobody_could_read_is_refused(refusal):
    found = refusal(lambda s: s["pools"]["h100"].update(accelerator="mi300x-192gb"))
    assert found["servers.r1.engine"] == (
        (
            "the tag of docker.io/vllm/vllm-openai-rocm could not be read from a source, so vllm "
            "has no image for mi300x-192gb"
        ),
        "Write tag and digest of vllm-rocm into images.lock.yaml, with their source.",
    )


def test_the_engine_answers_to_every_alias_that_leads_to_it(planned):
    plan = planned(lambda s: s["gateway"]["aliases"].update({"a": {"r1": 100}}))
    command = plan.servers[0].container.command
    at = command.index("--served-model-name")
    assert command[at + 1 : at + 3] == ("a", "deepseek-r1")


def test_a_certificate_of_the_users_own_is_not_asked_for_as_config(planned):
    given = {"mode": "secret", "secret": "our-tls"}
    assert planned().secret_keys == ("gateway-keys", "gateway-tls")
    assert planned(lambda s: s["gateway"].update(tls=given)).secret_keys == ("gateway-keys",)


def test_one_replica_is_a_warning_with_its_seconds(planned):
    gaps = [
        warning
        for warning in plan_warnings(planned(lambda s: s["servers"]["r1"].update(replicas=1)))
        if warning.where == "servers.r1.replicas"
    ]
    assert [gap.what for gap in gaps] == [
        (
            "an update stops its one pod before it starts the new one: up to 635 s to drain and "
            "630 s to load without an answer"
        )
    ]


def test_images_without_a_digest_are_warnings(planned):
    assert [w.where for w in plan_warnings(planned())] == [
        "images.lock.yaml: nginx",
        "images.lock.yaml: vllm-cuda",
    ]


def test_a_large_replica_beside_small_ones_is_a_warning(planned):
    def mixed(spec):
        server = spec["servers"]["r1"]
        server["concurrency"] = 4
        spec["servers"]["small"] = server | {"replicas": 2, "parallelism": {"tensor": 4}}
        server["replicas"] = 1
        spec["gateway"]["aliases"]["small"] = {"small": 100}

    [warning] = [w for w in plan_warnings(planned(mixed)) if w.where == "pools.h100"]
    assert warning.what == (
        "smaller replicas spread over its nodes can leave none with 8 free GPUs for r1, which then "
        "stays Pending"
    )
