"""What checks of a running stack share. `blueprint verify` starts them; they change nothing."""

from __future__ import annotations

import pytest

from operations.verify.gateway import Gateway
from operations.verify.run import SUBJECT
from operations.verify.tls import shake

WORKLOADS = ("Deployment", "StatefulSet")
# Isolation and the plan have checks of their own. Secrets stay unread: pods that mount one get
# ready only when it is there.
ELSEWHERE = {"NetworkPolicy", "Secret"}


def named(manifest):
    """Name an object: namespace (None for one of the cluster), kind, name."""
    metadata = manifest["metadata"]
    return metadata.get("namespace"), manifest["kind"], metadata["name"]


def pytest_generate_tests(metafunc):
    subject = metafunc.config.stash[SUBJECT]
    manifests = subject.manifests
    if "namespace" in metafunc.fixturenames:
        metafunc.parametrize("namespace", subject.plan.network.namespaces)
    if "kind" in metafunc.fixturenames:
        kinds = sorted({item["kind"] for item in manifests} - ELSEWHERE)
        metafunc.parametrize("kind", kinds)
    if "workload" in metafunc.fixturenames:
        found = [item for item in manifests if item["kind"] in WORKLOADS]
        metafunc.parametrize("workload", found, ids=["/".join(named(item)) for item in found])


@pytest.fixture(scope="session")
def subject(pytestconfig):
    return pytestconfig.stash[SUBJECT]


@pytest.fixture(scope="session")
def plan(subject):
    return subject.plan


@pytest.fixture(scope="session")
def cluster(subject):
    return subject.cluster


@pytest.fixture(scope="session")
def target(subject):
    return subject.target


@pytest.fixture(scope="session")
def planned(subject):
    """Answer the planned objects: (namespace, kind, name) → manifest."""
    return {named(item): item for item in subject.manifests}


@pytest.fixture(scope="session")
def handshake(target):
    """Begin a connection to the gateway, once."""
    if target.url is None:
        pytest.skip(f"because {target.why_not('url')}")
    return shake(target.url, target.ca_file)


@pytest.fixture(scope="session")
def reached(handshake):
    if handshake.unreachable is not None:
        pytest.skip("because the gateway cannot be reached")
    return handshake


@pytest.fixture(scope="session")
def gateway(reached, target):
    """A client: no key is sent to a gateway that cannot be trusted."""
    if not reached.trusted:
        pytest.skip("because the certificate of the gateway is not trusted")
    with Gateway(target) as client:
        yield client


@pytest.fixture
def has_key(target):
    if target.key is None:
        pytest.skip(f"because {target.why_not('key')}")


@pytest.fixture
def seen(record_property):
    """Say what was found, for the table."""
    return lambda text: record_property("seen", text)
