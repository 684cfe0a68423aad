"""Runs the pods of a real API server as processes of this machine.

It is every node that carries the annotation `deepseek-blueprint/node: processes`. It has to be
inside an enclosure (`enclosure.py`): there it makes networks and rules without being root.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import shutil
import signal
from collections.abc import Coroutine
from pathlib import Path

from . import network, system
from .api import Api, Json, Mirror
from .enforcer import Enforcer
from .events import Recorder
from .images import Images
from .logs import LogServer
from .machine import OFF, PLAYED, POWER, PROCESSES, Machine
from .pod import Pod, Surroundings
from .policies import Peer, rules

_DNS_HOST = 10  # of the service network, as everywhere
_LOG = logging.getLogger(__name__)


class Agent:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._api = Api(options.server, options.ca, options.certificate)
        services = ipaddress.ip_network(options.service_network)
        self._configs = Mirror(self._api, "/api/v1/configmaps", self._see_content)
        self._secrets = Mirror(self._api, "/api/v1/secrets", self._see_content)
        self._namespaces = Mirror(self._api, "/api/v1/namespaces", self._see_rules)
        policies = "/apis/networking.k8s.io/v1/networkpolicies"
        self._policies = Mirror(self._api, policies, self._see_rules)
        self._nodes = Mirror(self._api, "/api/v1/nodes", self._see_node)
        self._pods = Mirror(self._api, "/api/v1/pods", self._see_pod)
        self._enforcer = Enforcer(self._rules)
        self._around = Surroundings(
            api=self._api,
            recorder=Recorder(self._api),
            images=Images(dict(pair.split("=", 1) for pair in options.program)),
            folder=options.folder,
            lookup=self._lookup,
            protect=self._enforcer.settle,
            backoff_seconds=options.backoff_seconds,
            dns_address=str(services[_DNS_HOST]),
            dns_domain=options.dns_domain,
            service_address=str(services[1]),
        )
        self._addresses = network.Addresses()
        self._machines: dict[str, Machine] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}  # the last thing begun on each node
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        shutil.rmtree(self._options.folder / "pods", ignore_errors=True)  # of nodes that are down
        await network.prepare(self._options.service_network)
        around = self._around
        await system.install(self._api, around.dns_address, around.dns_domain)
        known = (self._configs, self._secrets, self._namespaces, self._policies)
        for mirror in known:
            self._go(mirror.follow())
        await asyncio.gather(*(mirror.complete.wait() for mirror in known))
        for work in (self._enforcer.enforce(), around.recorder.write(), self._nodes.follow()):
            self._go(work)
        await self._nodes.complete.wait()
        self._go(self._pods.follow())
        await LogServer(self._find).open(self._options.ca, self._options.certificate)
        await stop.wait()
        for task in (*self._tasks, *self._turns.values()):
            task.cancel()
        await asyncio.gather(*(machine.lose() for machine in self._machines.values()))

    def _go(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    # ---- what the API server tells -----------------------------------------------------------

    def _see_node(self, before: Json | None, after: Json | None) -> None:
        was, is_on = _is_on(before), _is_on(after)
        name = (after or before or {})["metadata"]["name"]
        if was != is_on:
            self._turns[name] = asyncio.create_task(
                self._turn(name, on=is_on, after=self._turns.get(name))
            )

    async def _turn(self, name: str, *, on: bool, after: asyncio.Task[None] | None) -> None:
        """Switch a node on or off, after whatever was begun on it before."""
        if after is not None:
            with contextlib.suppress(Exception):  # it was logged by its own _turn
                await after
        _LOG.info("node %s is switched %s", name, "on" if on else "off")
        try:
            if not on:
                if machine := self._machines.pop(name, None):
                    await machine.lose()
                    machine.forget()
                return
            machine = Machine(name, self._addresses, self._around)
            await machine.boot()
            self._machines[name] = machine
            for pod in self._pods.items.values():
                if pod["spec"].get("nodeName") == name:
                    machine.see(pod)
        except Exception:
            _LOG.exception("node %s", name)
            raise
        finally:
            self._enforcer.touch()

    def _see_pod(self, before: Json | None, after: Json | None) -> None:
        for obj in filter(None, (before, after)):
            machine = self._machines.get(obj["spec"].get("nodeName", ""))
            if machine is None:
                continue
            uid = obj["metadata"]["uid"]
            if obj is after:
                machine.see(obj)
            elif after is None or after["metadata"]["uid"] != uid:
                machine.miss(uid)
        self._enforcer.touch()

    def _see_content(self, before: Json | None, after: Json | None) -> None:
        if before is None or after is None:
            return  # who waits for an object tries again by itself; what is gone stays as it was
        namespace = after["metadata"]["namespace"]
        for pod in self._running():
            if pod.obj["metadata"]["namespace"] == namespace:
                pod.refresh()

    def _see_rules(self, _before: Json | None, _after: Json | None) -> None:
        self._enforcer.touch()

    # ---- what others ask ---------------------------------------------------------------------

    def _running(self) -> list[Pod]:
        return [pod for machine in self._machines.values() for pod in machine.pods.values()]

    def _find(self, namespace: str, name: str) -> Pod | None:
        for pod in self._running():
            metadata = pod.obj["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return pod
        return None

    def _lookup(self, kind: str, namespace: str, name: str) -> Json | None:
        mirror = self._configs if kind == "ConfigMap" else self._secrets
        return mirror.get(namespace, name)

    def _rules(self) -> str:
        labels = {
            item["metadata"]["name"]: item["metadata"].get("labels", {})
            for item in self._namespaces.items.values()
        }
        peers = [_peer(pod) for pod in self._running()]
        return rules(self._policies.items.values(), peers, labels)


def _is_on(node: Json | None) -> bool:
    notes = (node or {}).get("metadata", {}).get("annotations", {})
    return bool(notes.get(PLAYED) == PROCESSES and notes.get(POWER) != OFF)


def _peer(pod: Pod) -> Peer:
    metadata = pod.obj["metadata"]
    return Peer(
        namespace=metadata["namespace"],
        address=pod.address,
        labels=metadata.get("labels", {}),
        ports={
            port["name"]: port["containerPort"]
            for container in pod.obj["spec"]["containers"]
            for port in container.get("ports", [])
            if "name" in port
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--server", required=True)
    for name in ("ca", "certificate", "folder"):
        add(f"--{name}", type=Path, required=True)
    add("--program", action="append", default=[], metavar="NAME=PATH")
    add("--service-network", required=True)
    add("--dns-domain", default="cluster.local")
    add("--backoff-seconds", type=float, default=10, help="the first wait of a crash loop")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(Agent(parser.parse_args()).run())


if __name__ == "__main__":
    main()
