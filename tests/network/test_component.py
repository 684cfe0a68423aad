"""What isolation registers. Enforcement is the cluster's network plugin's, not proven here."""

import pytest

from components.network.component import Isolation, IsolationArgs
from components.network.plan import plan_network
from components.network.spec import NetworkSpec

PLAN = plan_network(NetworkSpec(exposure="internal", egress="closed"), {})


@pytest.fixture
def policies(cloud):
    names = {name: name for name in PLAN.namespaces}
    cloud.build(lambda: Isolation("isolation", IsolationArgs(plan=PLAN, namespaces=names)) and None)
    return {
        (r.inputs["metadata"]["namespace"], r.inputs["metadata"]["name"]): r.inputs["spec"]
        for r in cloud.resources
        if r.typ == "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    }


def test_every_namespace_of_ours_denies_everything_in_both_directions(policies):
    denied = {
        where
        for where, spec in policies.items()
        if spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert denied == {
        ("deepseek-gateway", "default-deny"),
        ("deepseek-serving", "default-deny"),
    }


def test_the_one_common_way_out_is_dns_in_kube_system(policies):
    assert len(policies) == 4
    [rule] = policies["deepseek-serving", "allow-dns"]["egress"]
    assert rule == {
        "to": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
