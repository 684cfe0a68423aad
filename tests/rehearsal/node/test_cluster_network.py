"""Names, Services and NetworkPolicies between pods that are processes."""

from __future__ import annotations

import socket

import pytest

from rehearsal.node import entry

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("pods"), pytest.mark.slow]

# Answers HTTP on 8000 with its own name.
SERVER = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {app}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: python:3.13-slim
      command: [sh, -c, "cd /tmp; echo {name} > name; exec python3 -m http.server 8000"]
      ports: [{{name: http, containerPort: 8000}}]
      readinessProbe: {{httpGet: {{path: /name, port: http}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: {app}}}
spec:
  selector: {{app: {app}}}
  ports: [{{name: http, port: 80, targetPort: http}}]
"""
# Prints what it gets from an address, again and again; `no` for no answer within a second.
CLIENT = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: python:3.13-slim
      command: [python3, -u, -c]
      args:
        - |
          import time, urllib.request
          while True:
              try:
                  said = urllib.request.urlopen("{url}", timeout=1).read().decode().strip()
              except OSError as error:
                  said = f"no: {{error}}"
              print(said)
              time.sleep(0.2)
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
      ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
"""
ENGINE_ADMITS_GATEWAY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: engine}}
spec:
  podSelector: {{matchLabels: {{app: engine}}}}
  policyTypes: [Ingress]
  ingress:
    - from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {gateway}}}}}}}]
      ports: [{{port: http}}]
"""


def test_a_service_answers_by_name_and_shares_out_its_pods(space):
    space.create(SERVER.format(name="one", app="web"))
    two, _, _ = SERVER.format(name="two", app="web").partition("---")
    space.create(two)
    space.ready("one")
    space.ready("two")

    space.create(CLIENT.format(name="client", url="http://web/name"))

    space.log_says("client", "one\n")
    space.log_says("client", "two\n")


def test_a_pod_that_is_not_ready_gets_no_connections(space, waiting):
    space.create(SERVER.format(name="one", app="web"))
    unready = SERVER.format(name="two", app="web").replace("path: /name", "path: /none")
    space.create(unready.partition("---")[0])
    space.ready("one")
    space.create(CLIENT.format(name="client", url="http://web/name"))
    waiting(lambda: space.log("client").count("one\n") > 20, "twenty answers")

    assert "two\n" not in space.log("client")


def test_a_pod_reaches_the_api_server_with_its_token(space):
    script = """
apiVersion: v1
kind: Pod
metadata: {name: asks}
spec:
  containers:
    - name: main
      image: python:3.13-slim
      command: [python3, -c]
      args:
        - |
          import ssl, time, urllib.error, urllib.request
          home = "/var/run/secrets/kubernetes.io/serviceaccount"
          token = open(f"{home}/token").read()
          tls = ssl.create_default_context(cafile=f"{home}/ca.crt")
          request = urllib.request.Request(
              "https://kubernetes.default.svc/api/v1/pods",
              headers={"Authorization": f"Bearer {token}"},
          )
          try:
              urllib.request.urlopen(request, context=tls, timeout=20)
          except urllib.error.HTTPError as error:
              print(error.code, error.read().decode(), flush=True)
          time.sleep(600)
"""
    space.create(script)

    # Known, and refused by RBAC: the default account may list nothing.
    space.log_says("asks", f"system:serviceaccount:{space.name}:default")
    assert space.log("asks").startswith("403 ")


def test_the_engine_answers_the_gateway_and_nobody_else(new_space):
    """One cluster, three namespaces, one policy each way, as the stack has them."""
    serving, gateway, stranger = new_space(), new_space(), new_space()
    url = f"http://engine.{serving.name}.svc.cluster.local/name"
    serving.create(SERVER.format(name="engine", app="engine"))
    serving.create(DENY)
    serving.create(ENGINE_ADMITS_GATEWAY.format(gateway=gateway.name))
    serving.ready("engine")

    gateway.create(CLIENT.format(name="client", url=url))
    stranger.create(CLIENT.format(name="client", url=url))
    serving.create(CLIENT.format(name="neighbour", url=url))

    gateway.log_says("client", "engine\n")
    for space, name in ((stranger, "client"), (serving, "neighbour")):
        space.log_says(name, "timed out")
        assert "engine\n" not in space.log(name)


def test_a_policy_that_goes_lets_connections_through(space):
    space.create(SERVER.format(name="engine", app="engine"))
    space.create(DENY)
    space.ready("engine")
    space.create(CLIENT.format(name="client", url="http://engine/name"))
    space.log_says("client", "timed out")
    assert "engine\n" not in space.log("client")

    for name in ("deny", "dns"):
        space.cluster.call("DELETE", space.path("NetworkPolicy", name))

    space.log_says("client", "engine\n")


def test_an_isolated_pod_reaches_neither_the_api_server_nor_the_machine(space):
    space.create(DENY)
    gate = "https://10.63.0.1:" + space.cluster.running.server.rpartition(":")[2]
    space.create(CLIENT.format(name="out", url=f"{gate}/healthz"))
    space.create(CLIENT.format(name="api", url="https://kubernetes.default.svc/healthz"))

    for name in ("out", "api"):
        space.log_says(name, "timed out")


def test_nothing_reaches_what_is_outside(space):
    """The enclosure has no way out; a pod without any policy does not find one either."""
    with socket.create_server(("0.0.0.0", 0)) as outside:  # noqa: S104  # reachable, were there a way
        port = outside.getsockname()[1]
        for name, host in (("loop", "127.0.0.1"), ("far", "192.0.2.1")):
            space.create(CLIENT.format(name=name, url=f"http://{host}:{port}/"))
        space.log_says("loop", "Connection refused")
        space.log_says("far", "no: ")
        outside.settimeout(0.1)
        with pytest.raises(TimeoutError):
            outside.accept()


def test_a_port_of_the_machine_leads_to_a_service_and_to_a_pod(space):
    space.create(SERVER.format(name="web-0", app="web"))
    space.ready("web-0")
    folder = space.cluster.running.state_dir

    for kind, port in ((f"services/{space.name}/web", 80), (f"pods/{space.name}/web-0", 8000)):
        with entry.listen() as door:
            name, (_, number) = f"{kind}-test", door.getsockname()
            entry.open_entry(folder, name, door, f"{kind}:{port}")
        assert entry.open_entries(folder)[name] == number
        with socket.create_connection(("127.0.0.1", number), timeout=10) as there:
            there.sendall(b"GET /name HTTP/1.0\r\n\r\n")
            with there.makefile("rb") as answer:
                assert answer.read().endswith(b"web-0\n")
