"""A real Prometheus in a pod finds the engines through the API server, with its own token.

Three of them, which differ in one thing each: what the API server and what the engines' policy
allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from rehearsal.node import entry
from tests.rehearsal.node.deployed import kubectl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("pods")]

SERVING, MONITORING, ELSEWHERE = "deepseek-serving", "deepseek-monitoring", "elsewhere"
PORT = 9090
# What the engines' namespace lets Prometheus do: see pods, and reach their port.
ADMISSION = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: discovers, namespace: {SERVING}}}
rules: [{{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: discovers, namespace: {SERVING}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: discovers}}
subjects:
  - {{kind: ServiceAccount, name: prometheus, namespace: {MONITORING}}}
  - {{kind: ServiceAccount, name: prometheus, namespace: {ELSEWHERE}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: scraped, namespace: {SERVING}}}
spec:
  podSelector: {{matchLabels: {{app.kubernetes.io/component: serving}}}}
  policyTypes: [Ingress]
  ingress:
    - from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {MONITORING}}}}}}}]
      ports: [{{port: http}}]
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {{name: {space}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: prometheus, namespace: {space}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: prometheus, namespace: {space}}}
data:
  prometheus.yml: |
    global: {{scrape_interval: 1s, scrape_timeout: 1s}}
    scrape_configs:
      - job_name: engines
        kubernetes_sd_configs: [{{role: pod, namespaces: {{names: [{serving}]}}}}]
        relabel_configs:
          - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
            regex: serving
            action: keep
          - source_labels: [__meta_kubernetes_pod_container_port_name]
            regex: http
            action: keep
          - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}
"""
PROMETHEUS = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {space}}}
spec:
  serviceAccountName: {account}
  terminationGracePeriodSeconds: 5
  containers:
    - name: prometheus
      image: quay.io/prom/prometheus:v3
      args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/data]
      ports: [{{name: http, containerPort: 9090}}]
      readinessProbe: {{httpGet: {{path: /-/ready, port: http}}, periodSeconds: 1}}
      volumeMounts: [{{name: config, mountPath: /etc/prometheus}}, {{name: data, mountPath: /data}}]
  volumes: [{{name: config, configMap: {{name: prometheus}}}}, {{name: data, emptyDir: {{}}}}]
"""


@dataclass
class Prometheus:
    """One of them, by its HTTP API and its log."""

    up: dict
    name: str
    space: str
    url: str

    def get(self, path, **query):
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, trust_env=False)
        return answer.json()["data"] if answer.is_success else None

    def targets(self):
        """Answer each active target once it was scraped: pod → (health, error)."""
        found = (self.get("targets", state="active") or {}).get("activeTargets", [])
        return {
            target["labels"]["pod"]: (target["health"], target["lastError"])
            for target in found
            if target["health"] != "unknown"
        }

    def log(self):
        return kubectl(self.up, "-n", self.space, "logs", self.name)


@pytest.fixture(scope="module")
def prometheus(up):
    """Start all three at once; answer them by name."""
    spaces = [NAMESPACE.format(space=s, serving=SERVING) for s in (MONITORING, ELSEWHERE)]
    where = {
        "admitted": (MONITORING, "prometheus"),
        "stranger": (ELSEWHERE, "prometheus"),
        "nobody": (MONITORING, "default"),
    }
    pods = [PROMETHEUS.format(name=n, space=s, account=a) for n, (s, a) in where.items()]
    kubectl(up, "apply", "-f", "-", stdin="---".join([*spaces, ADMISSION]))
    kubectl(up, "apply", "-f", "-", stdin="---".join(pods))
    for name, (space, _) in where.items():
        kubectl(up, "-n", space, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    yield {name: _reach(up, name, space) for name, (space, _) in where.items()}
    kubectl(up, "delete", "--wait=false", "-f", "-", stdin="---".join([*spaces, ADMISSION]))
    kubectl(up, "delete", "--now", "-f", "-", stdin="---".join(pods))


def _reach(up, name, space):
    with entry.listen() as door:
        port = door.getsockname()[1]
        kind = f"pods/{space}/{name}:{PORT}"
        entry.open_entry(up["folder"] / "control-plane", f"prometheus-{name}", door, kind)
    return Prometheus(up, name, space, f"http://127.0.0.1:{port}")


def test_the_engines_are_found_by_their_labels_and_answer(prometheus, waiting):
    admitted = prometheus["admitted"]
    both_up = {"r1-0": ("up", ""), "r1-1": ("up", "")}
    waiting(lambda: admitted.targets() == both_up, "both engines to be up")

    name = 'vllm:num_requests_running{job="engines"}'
    found = waiting(lambda: admitted.get("query", query=name)["result"], "a metric of the engines")
    assert {series["metric"]["pod"]: series["value"][1] for series in found} == {
        "r1-0": "0",
        "r1-1": "0",
    }


def test_a_namespace_that_the_policy_does_not_name_finds_the_engines_and_gets_no_answer(
    prometheus, waiting
):
    stranger = prometheus["stranger"]
    found = waiting(lambda: len(stranger.targets()) == 2 and stranger.targets(), "two attempts")
    assert {health for health, _ in found.values()} == {"down"}
    assert all("context deadline exceeded" in error for _, error in found.values())


def test_an_account_without_rights_discovers_nothing(prometheus, waiting):
    nobody = prometheus["nobody"]
    refusal = f'serviceaccount:{MONITORING}:default\\" cannot list resource \\"pods\\"'
    waiting(lambda: refusal in nobody.log(), "the refusal in its log")
    assert "is forbidden" in nobody.log()
    assert nobody.get("targets")["activeTargets"] == []
