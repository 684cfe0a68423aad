"""`make up` ends with an endpoint that answers, and `make down` with nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from tests.rehearsal.node.deployed import QUESTION, ROOT, kubectl

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("pods")]

# A pod of another tenant of the cluster, on a node that it may use.
STRANGER = """
apiVersion: v1
kind: Pod
metadata: {name: stranger, namespace: default}
spec:
  containers:
    - name: main
      image: python:3.13-slim
      command: [python3, -u, -c]
      args:
        - |
          import time, urllib.request
          while True:
              try:
                  print(urllib.request.urlopen("http://ENGINE:8000/health", timeout=1).status)
              except OSError as error:
                  print(error)
"""


def test_the_gateway_answers_and_streams(client):
    whole = client.post("/v1/chat/completions", json=QUESTION)
    assert whole.status_code == 200
    assert whole.json()["usage"]["completion_tokens"] == 8

    with client.stream("POST", "/v1/chat/completions", json={**QUESTION, "stream": True}) as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert len(lines) == 8 + 3  # tokens; reason, usage and end
    assert lines[-1] == "data: [DONE]"


def test_a_key_that_nobody_has_is_refused(client):
    refused = client.post(
        "/v1/chat/completions", json=QUESTION, headers={"Authorization": "Bearer sk-none"}
    )
    assert refused.status_code == 401


def test_every_simulator_has_an_admin_port_where_no_client_comes(up):
    urls = up["simulator_admin_urls"]["r1"]
    assert len(set(urls)) == 2
    states = [httpx.get(url, trust_env=False).json() for url in urls]
    assert [(state["name"], state["faults"]["hang"]) for state in states] == [
        ("simulator", False)
    ] * 2
    assert [httpx.get(f"{url}/v1/models", trust_env=False).status_code for url in urls] == [404] * 2


def test_the_printed_commands_work_and_hold_no_key(up):
    commands = [line.strip() for line in up["said"].splitlines() if "KEY" in line]
    assert not any(key in up["said"] for key in up["api_keys"].values())
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (
        "The simulator computes nothing"
        in json.loads(done.stdout)["choices"][0]["message"]["content"]
    )
    [line] = [line.strip() for line in up["said"].splitlines() if "rehearsal.ask" in line]
    done = subprocess.run(
        ["bash", "-ec", line], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("The simulator computes nothing")


def test_nobody_but_the_gateway_reaches_an_engine(up, waiting):
    engine = kubectl(
        up, "-n", "deepseek-serving", "get", "pod", "r1-0", "-o", "jsonpath={.status.podIP}"
    )
    kubectl(up, "apply", "-f", "-", stdin=STRANGER.replace("ENGINE", engine))

    def said():
        done = subprocess.run(
            [
                Path(sys.executable).with_name("kubectl"),
                *("--kubeconfig", up["kubeconfig"], "logs", "stranger"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.splitlines()

    lines = waiting(lambda: len(said()) > 1 and said(), "two attempts")
    assert {line.strip("<>") for line in lines} == {"urlopen error timed out"}


def test_pods_of_gateway_and_engine_are_spread_over_nodes_that_run_them(up):
    pods = yaml.safe_load(kubectl(up, "get", "pods", "-A", "-o", "json"))["items"]
    nodes = {pod["metadata"]["name"].split("-")[0]: set() for pod in pods if _is_ours(pod)}
    for pod in filter(_is_ours, pods):
        nodes[pod["metadata"]["name"].split("-")[0]].add(pod["spec"]["nodeName"])
    assert nodes["gateway"] == {"system-0", "system-1"}
    assert len(nodes["r1"]) == 2


def _is_ours(pod):
    return pod["metadata"]["namespace"].startswith("deepseek-")
