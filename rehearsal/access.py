"""`.rehearsal/access.json`: what a client needs, and why something is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.blueprint.plan import TLS_SECRET
from operations.access import NO_MONITORING, SCHEMA
from operations.pulumi_cli import PulumiCli

from .answer import wait_for_answers
from .control_plane import Running
from .deploy import GATEWAY, SIMULATOR, Rehearsal

FORWARDED_PORT = 8443
YOURS = "the cluster is yours: `kubectl port-forward` leads into it"
NO_PODS = "nodes and pods are simulated by kwok: nothing listens behind this address"
NOT_YET = ("prometheus_url", "alertmanager_url", "grafana_files")
_HEADERS = "-H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json'"
_QUESTION = (
    '{"model": "MODEL", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}'
)


def write_access(
    rehearsal: Rehearsal, running: Running, cli: PulumiCli, keys: Mapping[str, str]
) -> dict[str, Any]:
    """Write it, readable by the user alone, and answer what it says."""
    certificate = cli.secret(TLS_SECRET)
    ca_file = rehearsal.folder / "ca.crt"
    if certificate is not None:
        ca_file.write_text(json.loads(certificate)["ca.crt"], "utf-8")
    live = live_urls(rehearsal, running)
    reasons = dict.fromkeys(NOT_YET, NO_MONITORING)
    reasons |= {name: why_no_url(running) for name, value in live.items() if value is None}
    access: dict[str, Any] = {
        "schema": SCHEMA,
        "stack": rehearsal.stack,
        "kubeconfig": str(running.kubeconfig),
        "ca_file": str(ca_file) if certificate is not None else None,
        "api_keys": dict(keys),
        **live,
        **dict.fromkeys(NOT_YET),
        "reasons": reasons,
    }
    path = rehearsal.folder / "access.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(access, indent=1) + "\n", "utf-8")
    return access


def live_urls(rehearsal: Rehearsal, running: Running) -> dict[str, Any]:
    """Open the ways in, where pods run; None for what nobody answers."""
    if not running.runs_pods:
        return {"gateway_url": None, "simulator_admin_urls": None}
    ports = rehearsal.open_ways_in(running)
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    servers = [server for server in rehearsal.plan().servers if server.engine == SIMULATOR]
    return {
        "gateway_url": f"https://localhost:{ports[GATEWAY]}",
        "simulator_admin_urls": {
            server.name: [urls[f"{server.name}-{index}"] for index in range(server.replicas)]
            for server in servers
        },
    }


def answers(rehearsal: Rehearsal, access: Mapping[str, Any]) -> bool:
    """Wait for the first answers, where every engine is one that can run here."""
    plan, url = rehearsal.plan(), access["gateway_url"]
    tenant, ca_file = plan.gateway.tenants[0], rehearsal.folder / "ca.crt"
    engines = {server.engine for server in plan.servers}
    if url is None or engines != {SIMULATOR} or not ca_file.exists():
        return True
    question = access["api_keys"][tenant.name], tenant.models[0]
    return wait_for_answers(url, ca_file, *question, replicas=plan.gateway.replicas)


def why_no_url(running: Running) -> str:
    """Say why no port of this machine leads to the gateway; empty where one does."""
    return "" if running.runs_pods else YOURS if running.adopted else NO_PODS


def ask_lines(rehearsal: Rehearsal, running: Running, url: str | None, folder: str) -> list[str]:
    """Write commands that ask the first tenant's first model; no key stands in them."""
    plan = rehearsal.plan()
    tenant, lines = plan.gateway.tenants[0], []
    if running.adopted:
        url = f"https://localhost:{FORWARDED_PORT}"
        ports = f"{FORWARDED_PORT}:{plan.gateway.service_port}"
        there = f"-n {plan.gateway.namespace} port-forward service/{plan.gateway.name} {ports}"
        lines = [f".venv/bin/kubectl --kubeconfig {running.kubeconfig} {there} &"]
    if url is None:
        return []
    read = f'json.load(open("{folder}/access.json"))["api_keys"]["{tenant.name}"]'
    question = _QUESTION.replace("MODEL", tenant.models[0])
    return [
        *lines,
        f"KEY=$(.venv/bin/python -c 'import json; print({read})')",
        f"curl --cacert {folder}/ca.crt {_HEADERS} {url}/v1/chat/completions -d '{question}'",
        *_more(running, rehearsal.stack, folder),
    ]


def _more(running: Running, stack: str, folder: str) -> list[str]:
    """Write what works where a port of this machine leads to the gateway."""
    if not running.runs_pods:
        return []
    access = f"--access {folder}/access.json"
    return [
        f".venv/bin/python -m rehearsal.ask 'Hello' --folder {folder}",
        f".venv/bin/blueprint load {access} --requests-per-second 5 --duration-seconds 30",
        f".venv/bin/blueprint top {access}",
        f".venv/bin/blueprint verify {stack} {access}",
    ]
