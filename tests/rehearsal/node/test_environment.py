import base64

import pytest

from rehearsal.node.environment import environment
from rehearsal.node.volumes import MissingError

OBJECTS = {
    ("ConfigMap", "config"): {"data": {"a": "1", "b": "2"}},
    ("Secret", "secret"): {"data": {"key": base64.b64encode(b"hidden").decode()}},
}
POD = {"metadata": {"name": "p", "labels": {}}}


def of(container, given=None):
    return environment(container, POD, lambda kind, name: OBJECTS.get((kind, name)), given or {})


def reference(form, name, key, **more):
    return {"env": [{"name": "X", "valueFrom": {form: {"name": name, "key": key, **more}}}]}


def test_later_sources_win_and_earlier_names_can_be_used():
    container = {
        "envFrom": [{"configMapRef": {"name": "config"}, "prefix": "C_"}],
        "env": [
            {"name": "C_a", "value": "mine"},
            {"name": "SUM", "value": "$(C_a)+$(C_b)"},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    assert of(container, {"PATH": "/bin"}) == {
        "PATH": "/bin",
        "C_a": "mine",
        "C_b": "2",
        "SUM": "mine+2",
        "POD": "p",
    }


def test_a_key_of_a_secret_is_decoded():
    assert of(reference("secretKeyRef", "secret", "key")) == {"X": "hidden"}


@pytest.mark.parametrize(("name", "key"), [("config", "none"), ("none", "a")])
def test_what_is_optional_and_missing_is_left_out(name, key):
    assert of(reference("configMapKeyRef", name, key, optional=True)) == {}


def test_what_is_missing_is_named():
    with pytest.raises(MissingError, match="configmap config has no key none"):
        of(reference("configMapKeyRef", "config", "none"))
    with pytest.raises(MissingError, match='secret "none" not found'):
        of({"envFrom": [{"secretRef": {"name": "none"}}]})
