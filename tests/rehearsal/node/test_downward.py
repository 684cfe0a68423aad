import pytest

from rehearsal.node.downward import expand, field, resource

POD = {
    "metadata": {"name": "r1-0", "labels": {"b": "2", "a": "1"}, "annotations": {"x/y": "z"}},
    "spec": {"nodeName": "h200-0"},
    "status": {"podIP": "10.64.10.2", "podIPs": [{"ip": "10.64.10.2"}]},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "r1-0"),
        ("metadata.labels", 'a="1"\nb="2"'),
        ("metadata.labels['b']", "2"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['x/y']", "z"),
        ("spec.nodeName", "h200-0"),
        ("status.podIPs", "10.64.10.2"),
        ("status.hostIP", ""),
    ],
)
def test_a_field_reference_gives_what_the_pod_has(path, value):
    assert field(POD, path) == value


def test_a_resource_reference_gives_the_written_amount():
    container = {"resources": {"limits": {"memory": "64Mi"}}}
    assert resource(container, {"resource": "limits.memory"}) == "64Mi"
    assert resource(container, {"resource": "requests.cpu"}) == "0"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("$(A)/$(B)", "1/$(B)"), ("$$(A)", "$(A)"), ("$A $()", "$A $()"), ("$(A)$(A)", "11")],
)
def test_known_names_are_replaced_and_others_stay(text, expanded):
    assert expand(text, {"A": "1"}) == expanded
