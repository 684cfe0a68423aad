"""`blueprint verify` against the running stack: all passes; what is broken is found, and only that.

Every run is a process of its own and takes about 6 s; there are five of them.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import xml.etree.ElementTree as ET

import pytest

from components.blueprint.component import PLAN_CONFIG_MAP
from operations.certificates import issue_certificate
from tests.operations.verify.servers import serving
from tests.rehearsal.node.deployed import PROGRAMS, ROOT, kubectl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("pods")]

GATEWAY, SERVING = "deepseek-gateway", "deepseek-serving"
NAMED = "KEY_OF_A_TEST"


def verify(*arguments, key=None):
    command = [PROGRAMS / "blueprint", "verify", "rehearsal", *arguments]
    environment = {**os.environ, **({NAMED: key} if key else {})}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )


def outcomes(done):
    assert done.returncode in (0, 1), done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["schema"] == 1
    assert (answer["verdict"] == "ok") == (done.returncode == 0)
    return {f"{check['group']}: {check['name']}": check for check in answer["checks"]}


def having(checks, outcome):
    return {name for name, check in checks.items() if check["outcome"] == outcome}


def cluster_alone(up):
    return "--kubeconfig", up["kubeconfig"], "--json"


def test_a_fresh_stack_passes_every_check_but_those_that_say_why_not(up, tmp_path):
    report = tmp_path / "junit.xml"
    done = verify("--access", up["folder"] / "access.json", "--junit", report, "--json")
    checks = outcomes(done)

    assert having(checks, "failed") == set()
    assert {name: checks[name]["seen"] for name in having(checks, "skipped")} == {
        "monitoring: prometheus is ready": "because there is no monitoring slice yet"
    }
    assert len(checks) == 37
    assert checks["plan: the deployed plan is this one: deepseek-gateway"]["seen"].startswith(
        f"digest {json.loads(done.stdout)['plan_digest'][:12]}"
    )
    suite = ET.parse(report).getroot()[0]  # noqa: S314  # we wrote it
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("37", "0", "1")
    written = done.stdout + done.stderr + report.read_text("utf-8")
    assert not any(key in written for key in up["api_keys"].values())


# What somebody deletes by hand, and what else is made or changed.
DELETED = (
    (SERVING, "networkpolicy", "allow-dns"),
    (GATEWAY, "networkpolicy", "default-deny"),
    (GATEWAY, "poddisruptionbudget", "gateway"),
)
STRAY = f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: stray
  namespace: {SERVING}
  labels: {{app.kubernetes.io/part-of: deepseek-blueprint}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: stray, namespace: {SERVING}}}
spec: {{podSelector: {{}}, ingress: [{{}}], policyTypes: [Ingress]}}
"""


@pytest.fixture
def touched(up):
    """Change objects behind the plan's back; put everything back in the end."""
    kept = [kubectl(up, "-n", space, "get", *what, "-o", "json") for space, *what in DELETED]
    for space, *what in DELETED:
        kubectl(up, "-n", space, "delete", *what)
    kubectl(up, "apply", "-f", "-", stdin=STRAY)
    _relax(up, "baseline")
    _count_restarts(up, 3)
    yield
    _count_restarts(up, 0)
    _relax(up, "restricted")
    kubectl(up, "delete", "-f", "-", stdin=STRAY)
    for text in kept:
        kubectl(up, "create", "-f", "-", stdin=_as_new(text))


def _relax(up, level):
    label = f"pod-security.kubernetes.io/audit={level}"
    kubectl(up, "label", "--overwrite", "namespace", SERVING, label)


def _count_restarts(up, count):
    place = "/status/containerStatuses/0/restartCount"
    change = json.dumps([{"op": "replace", "path": place, "value": count}])
    status = ("--subresource=status", "--type=json", "-p", change)
    kubectl(up, "-n", SERVING, "patch", "pod", "r1-0", *status)


def _as_new(text):
    item = json.loads(text)
    for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        item["metadata"].pop(name, None)
    return json.dumps(item)


@pytest.fixture
def another_plan(up):
    place = ("-n", GATEWAY, "configmap", PLAN_CONFIG_MAP)
    kept = kubectl(up, "get", *place, "-o", "jsonpath={.data.plan\\.json}")
    edited = json.loads(kept)
    edited["gateway"]["replicas"] = 3

    def put(text):
        kubectl(up, "patch", *place, "-p", json.dumps({"data": {"plan.json": text}}))

    put(json.dumps(edited))
    yield
    put(kept)


# Check → where and what of its problems.
FOUND = {
    f"isolation: the openings are the planned ones: {SERVING}": [
        (f"NetworkPolicy {SERVING}/allow-dns", "it is not there"),
        (
            f"NetworkPolicy {SERVING}/stray",
            "it is not in the plan, and policies only add openings",
        ),
    ],
    f"isolation: everything is denied by default: {GATEWAY}": [
        (f"NetworkPolicy {GATEWAY}/default-deny", "it is not there")
    ],
    "objects: the objects of the plan exist: PodDisruptionBudget": [
        (f"PodDisruptionBudget {GATEWAY}/gateway", "it is not there")
    ],
    "objects: the objects of the plan exist: ConfigMap": [
        (
            f"ConfigMap {SERVING}/stray",
            "it carries our label, and no object of the plan has this name",
        )
    ],
    f"objects: the namespace enforces pod security: {SERVING}": [
        (
            f"Namespace {SERVING}, label pod-security.kubernetes.io/audit",
            "it is 'baseline', the plan says 'restricted'",
        )
    ],
    f"workloads: no container has restarted: {SERVING}": [
        (
            f"Pod {SERVING}/r1-0, container engine",
            "it restarted 3 times; the last end was unknown, exit code unknown",
        )
    ],
    "tls: the certificate has the planned names": [
        ("gateway.deepseek-gateway.svc", "this name is not in the certificate")
    ],
}


@pytest.mark.usefixtures("touched", "another_plan")
def test_what_was_changed_by_hand_and_a_gateway_that_obliges_everybody_are_found(up, tmp_path):
    with serving(tmp_path, names=["localhost"], oldest=ssl.TLSVersion.TLSv1) as (url, ca_file):
        where = ("--url", url, "--ca-file", ca_file, "--key-env", NAMED)
        checks = outcomes(verify(*cluster_alone(up), *where, key="sk-any"))

    plan = f"plan: the deployed plan is this one: {GATEWAY}"
    obliging = {name for name in checks if name.startswith("gateway: ")}
    old = {f"tls: an old version is refused: {version}" for version in ("TLSv1", "TLSv1_1")}
    assert len(obliging) == 9
    assert having(checks, "failed") == {*FOUND, plan, *obliging, *old}
    assert {
        name: [(problem["where"], problem["what"]) for problem in checks[name]["problems"]]
        for name in FOUND
    } == FOUND
    by_hand, other = checks[plan]["problems"]
    assert "and its plan.json has" in by_hand["what"]
    assert other["what"].endswith(": gateway.replicas: 3 deployed, 2 planned")


@pytest.fixture
def without_gateway(up, waiting):
    there = ("-n", GATEWAY, "get", "deployments,replicasets,pods")
    kubectl(up, "-n", GATEWAY, "scale", "deployment/gateway", "--replicas=0")
    try:
        waiting(lambda: "pod/" not in kubectl(up, *there, "-o", "name"), "the gateway to be gone")
        yield
    finally:
        print(kubectl(up, *there, "-o", "yaml"))  # noqa: T201  # tells what was still there
        kubectl(up, "-n", GATEWAY, "scale", "deployment/gateway", "--replicas=2")
        kubectl(up, "-n", GATEWAY, "rollout", "status", "deployment/gateway", "--timeout=60s")


@pytest.mark.usefixtures("without_gateway")
def test_a_gateway_without_pods_is_found_once_in_the_cluster_and_once_from_outside(up):
    checks = outcomes(verify("--access", up["folder"] / "access.json", "--json"))

    workload = f"workloads: all replicas are ready: {GATEWAY}/Deployment/gateway"
    assert having(checks, "failed") == {workload, "tls: the gateway can be reached"}
    assert checks[workload]["problems"][0]["what"] == (
        "it is told to have 0 replicas, the plan says 2"
    )
    unasked = {checks[name]["seen"] for name in having(checks, "skipped")}
    assert unasked == {
        "because the gateway cannot be reached",
        "because there is no monitoring slice yet",
    }


def test_the_ca_of_somebody_else_is_found_before_a_key_is_sent(up, tmp_path):
    other = tmp_path / "ca.crt"
    other.write_text(json.loads(issue_certificate(["localhost"], days=1))["ca.crt"], "utf-8")
    where = ("--url", up["gateway_url"], "--ca-file", other, "--key-env", NAMED)
    done = verify(*cluster_alone(up), *where, key=up["api_keys"]["trial"])
    checks = outcomes(done)

    assert having(checks, "failed") == {"tls: the certificate leads to the authority"}
    unasked = {name for name in checks if name.startswith("gateway: ")}
    assert unasked <= having(checks, "skipped")
    assert {checks[name]["seen"] for name in unasked} == {
        "because the certificate of the gateway is not trusted"
    }


def test_a_certificate_that_has_ended_is_found_and_nothing_else(up, tmp_path):
    with serving(tmp_path, age_days=2) as (url, ca_file):
        checks = outcomes(verify(*cluster_alone(up), "--url", url, "--ca-file", ca_file))

    date = "tls: the certificate is in date"
    assert having(checks, "failed") == {date}
    assert checks[date]["problems"][0]["fix"].startswith("Issue a new certificate")
