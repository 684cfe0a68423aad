import pytest

from rehearsal.node.policies import Peer, rules, selects

NAMESPACES = {
    "serving": {"kubernetes.io/metadata.name": "serving"},
    "gateway": {"kubernetes.io/metadata.name": "gateway"},
}


def peer(namespace, address, app, **ports):
    return Peer(namespace=namespace, address=address, labels={"app": app}, ports=ports)


ENGINE = peer("serving", "10.64.1.2", "engine", http=8000)
GATEWAY = peer("gateway", "10.64.2.2", "gateway")
STRANGER = peer("serving", "10.64.3.2", "stranger")
PEERS = (ENGINE, GATEWAY, STRANGER)


def policy(*, kinds=("Ingress",), selector=None, **directions):
    spec = {"podSelector": selector or {}, "policyTypes": list(kinds), **directions}
    return {"metadata": {"namespace": "serving", "name": "p"}, "spec": spec}


def chain(text, name):
    _, _, rest = text.partition(f"chain {name} {{\n")
    return rest.partition("}\nchain")[0].rstrip("}\n").splitlines()


def by_name(namespace):
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def app(name):
    return {"podSelector": {"matchLabels": {"app": name}}}


def ingress(*from_, ports=()):
    rule = {"from": list(from_), "ports": list(ports)}
    return policy(selector=app("engine")["podSelector"], ingress=[rule])


DROP = "ip daddr { 10.64.1.2 } counter drop"


def test_no_policy_is_no_rule():
    text = rules([], PEERS, NAMESPACES)
    assert (chain(text, "ingress"), chain(text, "egress")) == ([], [])


def test_a_selected_pod_without_openings_gets_nothing():
    [line] = chain(rules([policy()], PEERS, NAMESPACES), "ingress")
    assert line == "ip daddr { 10.64.1.2, 10.64.3.2 } counter drop"


@pytest.mark.parametrize(
    ("of", "lines"),
    [
        (
            ingress(by_name("gateway"), ports=[{"port": 8000}]),
            ["ip daddr 10.64.1.2 ip saddr 10.64.2.2 tcp dport 8000 return"],
        ),
        # In one peer both selectors have to hold; nobody in gateway is a stranger.
        (ingress(by_name("gateway") | app("stranger"), ports=[{"port": 8000}]), []),
        # Two peers: either.
        (
            ingress(by_name("gateway"), app("stranger")),
            [
                "ip daddr 10.64.1.2 ip saddr 10.64.2.2 return",
                "ip daddr 10.64.1.2 ip saddr 10.64.3.2 return",
            ],
        ),
        # A named port is that of the pod which is entered.
        (
            ingress(app("stranger"), ports=[{"port": "http"}]),
            ["ip daddr 10.64.1.2 ip saddr 10.64.3.2 tcp dport 8000 return"],
        ),
        (ingress(app("stranger"), ports=[{"port": "metrics"}]), []),
        (
            ingress(app("stranger"), ports=[{"protocol": "UDP", "port": 1, "endPort": 9}]),
            ["ip daddr 10.64.1.2 ip saddr 10.64.3.2 udp dport 1-9 return"],
        ),
        (ingress(ports=[{"port": 1}]), ["ip daddr 10.64.1.2 tcp dport 1 return"]),
        (
            ingress({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.64.0.0/16"]}}),
            ["ip daddr 10.64.1.2 ip saddr != { 10.64.0.0/16 } ip saddr 10.0.0.0/8 return"],
        ),
        (ingress({"ipBlock": {"cidr": "fc00::/7"}}), []),
    ],
)
def test_an_opening_is_a_rule_before_the_drop(of, lines):
    assert chain(rules([of], PEERS, NAMESPACES), "ingress") == [*lines, DROP]


def test_egress_isolates_what_leaves_and_looks_at_where_it_goes():
    out = policy(
        kinds=["Egress"],
        selector=app("stranger")["podSelector"],
        egress=[{"to": [app("engine")], "ports": [{"port": "http"}]}],
    )
    text = rules([out], PEERS, NAMESPACES)
    assert chain(text, "egress") == [
        "ip saddr 10.64.3.2 ip daddr 10.64.1.2 tcp dport 8000 return",
        "ip saddr { 10.64.3.2 } counter drop",
    ]
    assert chain(text, "ingress") == []


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "1", "b": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_a_selector_matches_labels_as_kubernetes_does(selector, matches):
    assert selects(selector, {"a": "1"}) == matches
