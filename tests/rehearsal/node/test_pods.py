"""Pods, as a real API server, scheduler and kubectl see them run."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal.node.manifests import pod

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("pods"), pytest.mark.slow]

KUBECTL = Path(sys.executable).with_name("kubectl")

PRINTER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data: {word: first}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {key: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: printer, labels: {color: blue}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox:1
      env:
        - {name: WORD, valueFrom: {configMapKeyRef: {name: words, key: word}}}
        - {name: SAID, value: "$(WORD)!"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
      envFrom: [{secretRef: {name: hidden}, prefix: hidden_}]
      command: [sh, -c]
      args:
        - |
          echo "env $SAID $POD $ADDRESS $hidden_key"
          echo "color $(cat /all/labels) secret $(cat /all/key) mode $(stat -Lc %a /all/key)"
          test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo "token is there"
          last=
          while sleep 0.1; do
            word=$(cat /words/word)
            [ "$word" = "$last" ] || echo "word $word"
            last=$word
          done
      volumeMounts:
        - {name: words, mountPath: /words}
        - {name: all, mountPath: /all}
  volumes:
    - {name: words, configMap: {name: words}}
    - name: all
      projected:
        defaultMode: 0400
        sources:
          - {secret: {name: hidden}}
          - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
"""


def test_a_container_gets_its_environment_volumes_and_token(space):
    space.create(PRINTER)

    address = space.ready("printer")["status"]["podIP"]
    space.log_says("printer", f"env first! printer {address} s3cret\n")
    space.log_says("printer", 'color color="blue" secret s3cret mode 400\n')
    space.log_says("printer", "token is there\n")


def test_a_changed_config_map_reaches_the_running_process(space):
    space.create(PRINTER)
    space.log_says("printer", "word first")

    space.patch("ConfigMap", "words", {"data": {"word": "second"}})

    space.log_says("printer", "word second")
    assert space.container("printer")["restartCount"] == 0


def test_a_changed_secret_reaches_the_volume_and_not_the_environment(space):
    space.create(PRINTER.replace("cat /words/word", "cat /all/key; echo /$hidden_key"))
    space.log_says("printer", "word s3cret")

    renewed = base64.b64encode(b"renewed").decode()
    space.patch("Secret", "hidden", {"data": {"key": renewed}})

    space.log_says("printer", "word renewed/s3cret")


def test_a_missing_config_map_is_waited_for(space):
    config, _, rest = PRINTER.partition("---")
    space.create(rest)
    space.has_event("printer", "FailedMount", 'configmap "words" not found')

    space.create(config)

    space.ready("printer")


def test_init_containers_run_one_after_another_before_the_main_one(space):
    init = """initContainers:
    - {name: one, image: busybox, command: [sh, -c, "echo one >> /shared/order"],
       volumeMounts: [{name: shared, mountPath: /shared}]}
    - {name: two, image: busybox, command: [sh, -c, "echo two >> /shared/order"],
       volumeMounts: [{name: shared, mountPath: /shared}]}
  volumes: [{name: shared, emptyDir: {}}]"""
    mount = "volumeMounts: [{name: shared, mountPath: /shared}]"
    space.create(pod("main", "cat /shared/order; sleep 60", more=init, container=mount))

    space.ready("main")
    assert space.log("main") == "one\ntwo\n"
    codes = [c["state"]["terminated"]["exitCode"] for c in _init(space, "main")]
    assert codes == [0, 0]


def test_a_failing_init_container_keeps_the_main_one_from_starting(space, waiting):
    init = "initContainers: [{name: fails, image: busybox, command: [sh, -c, 'exit 3']}]"
    space.create(pod("main", "sleep 60", more=init))

    space.has_event("main", "BackOff", "restarting failed container fails")

    waiting(lambda: "terminated" in _init(space, "main")[0]["lastState"], "the last run")
    assert _init(space, "main")[0]["lastState"]["terminated"]["exitCode"] == 3
    assert space.find("main")["status"]["phase"] == "Pending"
    assert _waits_for(space.container("main")) == "PodInitializing"


def _init(space, name):
    return space.find(name)["status"]["initContainerStatuses"]


def test_an_image_without_a_local_program_names_the_table(space, waiting):
    space.create(pod("strange", "true", image="example.org/team/strange:9"))

    message = space.has_event("strange", "Failed")
    assert "example.org/team/strange:9 has no local program" in message
    assert "rehearsal/node/images.yaml" in message
    waiting(lambda: _waits_for(space.container("strange")) == "ErrImagePull", "the status")


def _waits_for(container):
    return container.get("state", {}).get("waiting", {}).get("reason")


def test_kubectl_reads_logs_follows_them_and_those_of_the_run_before(space, waiting):
    space.create(pod("talks", "for i in 1 2 3; do echo line $i; sleep 0.3; done; exit 1"))
    waiting(lambda: space.container("talks").get("restartCount", 0) >= 1, "a restart")

    def logs(*options):
        command = [KUBECTL, "--kubeconfig", space.cluster.running.kubeconfig, "-n", space.name]
        done = subprocess.run(
            [*command, "logs", "talks", *options], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    assert logs("-f") == "line 1\nline 2\nline 3\n"
    assert logs("--previous", "--tail=1") == "line 3\n"
    assert "logs are kept without times" in logs("--timestamps")


def test_a_container_sees_its_own_processes_and_no_host(space):
    space.create(
        pod(
            "alone",
            "ls /proc | grep -c '^[0-9]'; ls /work /root /home; touch /x; sleep 60",
            container="securityContext: {readOnlyRootFilesystem: true, runAsUser: 1234}",
        )
    )

    space.log_says("alone", "Read-only file system")
    count, *rest = space.log("alone").splitlines()
    assert int(count) <= 4
    assert sum("No such file" in line for line in rest) >= 2


def test_a_program_that_must_not_be_root_is_not_started_as_root(space):
    space.create(pod("root", "id -u", more="securityContext: {runAsNonRoot: true}"))
    space.has_event("root", "FailedMount", "runAsNonRoot and image will run as root")

    space.create(pod("user", "id -u; sleep 60", more="securityContext: {runAsUser: 1234}"))
    space.log_says("user", "1234\n")
