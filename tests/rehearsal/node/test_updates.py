"""Updates of engine and gateway under load: none lost with our settings, some with naive ones.

Naive is what charts for these images ship: no preStop, and a grace that the streams outlast; of the
engine, no drain. Node loss and hung engines are not shown here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operations.load import Lengths, Load, Profile, target_of_access
from tests.rehearsal.node.deployed import kubectl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("pods")]

ENGINE, GATEWAY = (
    ("deepseek-serving", "statefulset", "r1"),
    ("deepseek-gateway", "deployment", "gateway"),
)
# At 114 tokens a second: streams of 5 s and of 0.3 s. 150 requests a minute pass through one
# gateway replica while the other is replaced.
PROFILE = Profile(
    requests_per_second=2.5,
    arrivals="constant",
    duration_seconds=300,
    lengths=(Lengths(16, 570), Lengths(16, 34)),
    keep_alive=False,
)
IN_FLIGHT = 4
DEADLINE = "--timeout=120s"


def update(up, place, change):
    """Change the pods as `change` says of their spec; return when all are replaced."""
    namespace, kind, name = place
    found = json.loads(kubectl(up, "-n", namespace, "get", kind, name, "-o", "json"))
    spec = found["spec"]["template"]["spec"]
    change(spec)
    patch = [{"op": "replace", "path": "/spec/template/spec", "value": spec}]
    kubectl(up, "-n", namespace, "patch", kind, name, "--type=json", "-p", json.dumps(patch))
    kubectl(up, "-n", namespace, "rollout", "status", f"{kind}/{name}", DEADLINE)


def naive(spec):
    [container] = spec["containers"]
    del container["lifecycle"]
    spec["terminationGracePeriodSeconds"] = 2
    container["command"] = [
        "--drain-seconds=0" if word.startswith("--drain-seconds=") else word
        for word in container["command"]
    ]


@pytest.fixture
def restored(up):
    """Put both back as they were, whatever happens."""
    before = {}
    for place in (ENGINE, GATEWAY):
        namespace, kind, name = place
        found = json.loads(kubectl(up, "-n", namespace, "get", kind, name, "-o", "json"))
        before[place] = found["spec"]["template"]["spec"]

    def restore(place):
        update(up, place, lambda spec: (spec.clear(), spec.update(before[place])))

    yield restore
    for place in before:
        restore(place)


def under_load(up, act):
    """Act under load; answer what became of the streams."""
    target = target_of_access(Path(up["folder"]) / "access.json", tenants=("acme",))
    with Load(target, PROFILE) as load:
        load.wait_until_streaming(IN_FLIGHT)
        act()
        return load.stop()


def test_an_update_loses_no_stream_and_one_with_naive_settings_does(up, restored):
    def both_become_naive():  # which ends the pods that have our settings
        update(up, ENGINE, naive)
        update(up, GATEWAY, naive)

    ours = under_load(up, both_become_naive)
    assert not ours.measures.losses
    assert ours.served == ours.measures.offered > 50

    engine = under_load(up, lambda: restored(ENGINE))
    assert engine.refused + engine.cut > 0
    gateway = under_load(up, lambda: restored(GATEWAY))
    assert gateway.refused + gateway.cut > 0
