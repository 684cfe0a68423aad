"""start.sh, the pod's first process: resolver, reload on new Secrets, and a stop that drains."""

import os
import signal
import subprocess
from dataclasses import replace

import pytest

from tests.gateway.site import CHAT, MODULE, NGINX, Site, nginx_globals, wait_until

pytestmark = [pytest.mark.gateway, pytest.mark.medium]
RESOLV_CONF = """\
# written by the kubelet
search default.svc.cluster.local
nameserver 127.0.0.1
nameserver ::1
nameserver fe80::1%eth0
options ndots:5"""


class Pod(Site):
    """A gateway whose Secrets are mounted as the kubelet does it, and start.sh on top."""

    def mount(self, number, text=None):
        """Write the keys into a new version of the Secret, and swap the link to it."""
        version = self.folder / "keys_dir" / f"..version-{number}"
        self.write_keys(version)
        if text is not None:
            (version / "keys.map").write_text(text)
        draft = version.with_name("..draft")
        draft.symlink_to(version.name)
        draft.rename(version.with_name("..data"))

    def run(self):
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "nginx").symlink_to(NGINX)
        (self.folder / "run_dir/runtime.conf").unlink()
        with (self.folder / "stderr").open("w") as said:
            self.process = subprocess.Popen(
                ["sh", self.folder / "config_dir/start.sh", *nginx_globals()],
                env={"PATH": f"{programs}:{os.environ['PATH']}"},
                stderr=said,
            )

    def models(self, key):
        with self.client(key) as client:
            return client.get("/v1/models").status_code


@pytest.fixture
def pod(live_plan, tmp_path):
    """Engines are named by address: the resolver of this pod is port 53, where nobody answers."""
    upstreams = tuple(replace(u, address="127.0.0.11") for u in live_plan.upstreams)
    pod = Pod(replace(live_plan, upstreams=upstreams), tmp_path)
    (tmp_path / "resolv.conf").write_text(RESOLV_CONF)
    keys_map = tmp_path / "keys_dir/keys.map"
    keys_map.unlink()
    keys_map.symlink_to("..data/keys.map")
    pod.key = pod.issue("acme")
    pod.mount(1)
    yield pod
    pod.process.terminate()
    pod.process.wait(10)


def test_nginx_gets_the_resolvers_of_the_pod_and_the_best_engine_of_its_njs(pod):
    pod.run()
    wait_until(pod.healthy)
    assert (pod.folder / "run_dir/runtime.conf").read_text() == (
        "resolver 127.0.0.1 [::1] valid=2s;\nresolver_timeout 5s;\n"
        f"js_engine {'qjs' if MODULE else 'njs'};\n"
    )


def test_a_pod_without_a_nameserver_says_so_and_ends(pod):
    (pod.folder / "resolv.conf").write_text("search cluster.local\n")
    pod.run()
    assert pod.process.wait(10) == 1
    assert (pod.folder / "stderr").read_text() == (
        f"start.sh: {pod.folder}/resolv.conf names no nameserver that nginx can use\n"
    )


def test_new_keys_are_loaded_and_broken_ones_change_nothing(pod):
    pod.run()
    wait_until(pod.healthy)
    old, pod.key = pod.key, pod.issue("acme")
    pod.revoke(old)
    assert (pod.models(old), pod.models(pod.key)) == (200, 401)
    pod.mount(2)
    wait_until(lambda: pod.models(pod.key) == 200)
    wait_until(lambda: pod.models(old) == 401)

    pod.mount(3, text="canary")
    said = "start.sh: the new Secrets do not make a configuration; nginx keeps the old"
    wait_until(lambda: said in (pod.folder / "stderr").read_text())
    assert pod.models(pod.key) == 200


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGQUIT], ids=lambda s: s.name)
def test_a_stop_finishes_what_is_open_and_takes_nothing_new(pod, stop):
    pod.run()
    wait_until(pod.healthy)
    asked = {"model": "simulated", "stream": True, "max_tokens": 200}
    asked["messages"] = [{"role": "user", "content": "x"}]
    with pod.client(pod.key) as client, client.stream("POST", CHAT, json=asked) as answer:
        chunks = answer.iter_text()
        first = next(chunks)
        pod.process.send_signal(stop)
        wait_until(lambda: not pod.healthy())
        assert (first + "".join(chunks)).endswith("data: [DONE]\n\n")
    assert pod.process.wait(10) == 0
