"""What the whole registers. Does not prove that a cluster accepts it: tests/engine does."""

import json

from components.blueprint.component import Blueprint, BlueprintArgs
from components.blueprint.render import plan_digest, plan_document

SECRETS = {
    "gateway-keys": "{}",
    "gateway-tls": json.dumps({"tls.crt": "c", "tls.key": "k", "ca.crt": "a"}),
}


def build(cloud, plan):
    return cloud.build(
        lambda: (
            Blueprint(
                "blueprint",
                BlueprintArgs(plan=plan, secrets={k: SECRETS[k] for k in plan.secret_keys}),
            ).plan_digest
        )
    )


def test_the_plan_and_its_digest_lie_in_each_of_our_namespaces(cloud, planned):
    plan = planned()
    assert build(cloud, plan) == plan_digest(plan)
    maps = [
        resource.inputs
        for resource in cloud.resources
        if resource.inputs.get("metadata", {}).get("name") == "blueprint-plan"
    ]
    assert sorted(m["metadata"]["namespace"] for m in maps) == [
        "deepseek-gateway",
        "deepseek-serving",
    ]
    for found in maps:
        assert found["data"] == {
            "plan.json": plan_document(plan),
            "plan_digest": plan_digest(plan),
        }


def test_the_digest_is_on_no_pod_so_that_a_new_plan_alone_restarts_nothing(cloud, planned):
    plan = planned()
    build(cloud, plan)
    templates = [
        r.inputs["spec"]["template"]
        for r in cloud.resources
        if "template" in r.inputs.get("spec", {})
    ]
    assert len(templates) == 2
    assert plan_digest(plan) not in json.dumps(templates)


def test_every_object_goes_through_the_one_provider(cloud, planned):
    build(cloud, planned())
    through = {
        cloud.request(resource.name).provider.rpartition("::")[0]
        for resource in cloud.resources
        if resource.typ.startswith("kubernetes:")
    }
    assert [urn.rpartition("::")[2] for urn in through] == ["cluster-provider"]


def test_every_object_belongs_to_the_stack_whichever_engine_process_made_it(cloud, planned):
    build(cloud, planned())
    managers = {
        resource.inputs["metadata"]["annotations"]["pulumi.com/patchFieldManager"]
        for resource in cloud.resources
        if resource.typ.startswith("kubernetes:")
    }
    assert managers == {"deepseek-blueprint-test"}
