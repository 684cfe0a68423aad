from components.cluster.plan import plan_cluster
from components.cluster.spec import ClusterSpec

PLAN = plan_cluster(ClusterSpec(mode="adopt", context="prod"), {"owner": "platform"})


def test_the_cluster_is_the_one_behind_the_named_context():
    assert PLAN.context == "prod"


def test_our_two_namespaces_and_no_other_are_ours():
    assert [namespace.name for namespace in PLAN.namespaces] == [
        "deepseek-gateway",
        "deepseek-serving",
    ]


def test_every_namespace_refuses_what_pod_security_restricted_refuses():
    for namespace in PLAN.namespaces:
        assert {key: v for key, v in namespace.labels.items() if key.startswith("pod-")} == {
            "pod-security.kubernetes.io/audit": "restricted",
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
        }


def test_a_tag_cannot_lower_pod_security():
    tags = {"pod-security.kubernetes.io/enforce": "privileged"}
    plan = plan_cluster(ClusterSpec(mode="adopt", context="prod"), tags)
    assert {
        namespace.labels["pod-security.kubernetes.io/enforce"] for namespace in plan.namespaces
    } == {"restricted"}


def test_tags_become_labels():
    assert {namespace.labels["owner"] for namespace in PLAN.namespaces} == {"platform"}
