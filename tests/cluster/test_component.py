"""What the component registers. Does not prove that the context exists."""

from components.cluster.component import AdoptedCluster, AdoptedClusterArgs
from components.cluster.plan import plan_cluster
from components.cluster.spec import ClusterSpec

PLAN = plan_cluster(ClusterSpec(mode="adopt", context="prod"), {})


def cluster():
    return AdoptedCluster("home", AdoptedClusterArgs(plan=PLAN))


def test_its_children_are_the_provider_and_the_namespaces_and_nothing_else(cloud):
    cloud.build(cluster)

    below = "deepseek:cluster:AdoptedCluster$"
    assert cloud.urns() == [
        f"{below}kubernetes:core/v1:Namespace::home-deepseek-gateway",
        f"{below}kubernetes:core/v1:Namespace::home-deepseek-serving",
        f"{below}pulumi:providers:kubernetes::home-provider",
        "pulumi:pulumi:Stack$deepseek:cluster:AdoptedCluster::home",
    ]


def test_the_provider_goes_to_the_planned_context(cloud):
    """Without a context it would go where kubectl went last."""
    cloud.build(cluster)

    assert cloud.one("pulumi:providers:kubernetes").inputs["context"] == "prod"


def test_the_namespaces_are_created_through_that_provider(cloud):
    cloud.build(cluster)

    for namespace in PLAN.namespaces:
        request = cloud.request(f"home-{namespace.name}")
        assert "::home-provider::" in request.provider


def test_the_namespaces_have_their_planned_names_and_labels(cloud):
    cloud.build(cluster)

    registered = [r for r in cloud.resources if r.typ == "kubernetes:core/v1:Namespace"]
    assert [r.inputs["metadata"] for r in registered] == [
        {"name": namespace.name, "labels": namespace.labels} for namespace in PLAN.namespaces
    ]


def test_others_learn_the_names_from_the_namespaces_themselves(cloud):
    """An Output: what uses it waits until the namespace exists."""
    assert cloud.build(lambda: cluster().namespaces["deepseek-serving"]) == "deepseek-serving"


def test_changed_settings_and_keys_are_updated_in_place(cloud):
    """Else the object that running pods have mounted is deleted first."""
    cloud.build(cluster)
    provider = cloud.one("pulumi:providers:kubernetes").inputs
    assert provider["enableConfigMapMutable"] == provider["enableSecretMutable"] == "true"


def test_a_cluster_is_identified_by_its_context_not_by_its_kubeconfig(cloud):
    """Else a renewed token replaces every object."""
    cloud.build(cluster)
    provider = cloud.one("pulumi:providers:kubernetes").inputs
    assert provider["clusterIdentifier"] == "prod"
    assert "kubeconfig" not in provider
