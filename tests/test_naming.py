import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.naming import (
    GATEWAY_NAMESPACE,
    SERVING_NAMESPACE,
    labels,
    pods_service,
    selector,
    service_address,
)
from components.spec import Name

DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
NAME = TypeAdapter(Name)
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


def test_a_selector_has_no_version_and_no_tag():
    """A live selector cannot change; Kubernetes refuses it."""
    assert selector("vllm", "r1", "serving") == {
        "app.kubernetes.io/name": "vllm",
        "app.kubernetes.io/instance": "r1",
        "app.kubernetes.io/component": "serving",
    }


def test_the_labels_of_an_object_are_its_tags_its_selector_and_whose_it_is():
    assert labels({"owner": "platform"}, {"app.kubernetes.io/name": "vllm"}) == {
        "owner": "platform",
        "app.kubernetes.io/name": "vllm",
        "app.kubernetes.io/part-of": "deepseek-blueprint",
        "app.kubernetes.io/managed-by": "pulumi",
    }


@pytest.mark.parametrize("key", ["app.kubernetes.io/name", "app.kubernetes.io/managed-by"])
def test_a_tag_never_replaces_a_label_of_ours(key):
    selected = selector("vllm", "r1", "serving")
    assert labels({key: "mine"}, selected) == labels({}, selected)


@given(NAMES)
def test_the_service_of_every_allowed_server_name_is_a_dns_label(name):
    assert NAME.validate_python(name) == name
    assert DNS_LABEL.fullmatch(pods_service(name))


@given(NAMES, st.integers(min_value=0, max_value=9999))
def test_the_pods_and_revisions_of_every_allowed_server_name_fit_into_a_label(name, ordinal):
    """The controller labels pods with their name, and with the name of their revision."""
    assert len(f"{name}-{ordinal}") <= 63
    assert len(f"{name}-{'x' * 10}") <= 63


def test_an_address_is_complete_because_the_gateway_knows_no_search_path():
    address = service_address(pods_service("r1"), SERVING_NAMESPACE, "cluster.local")
    assert address == "r1-pods.deepseek-serving.svc.cluster.local"


def test_gateway_and_engines_live_apart():
    """A policy that lets the gateway in names its namespace."""
    assert GATEWAY_NAMESPACE != SERVING_NAMESPACE
