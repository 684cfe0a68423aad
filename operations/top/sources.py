"""Where the figures come from: every engine's /metrics, and the alerts of Prometheus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from components.problems import PlanError
from operations.access import missing, read_access, why_null
from operations.load.client import why_refused

from .readings import Reading, read

TIMEOUT = aiohttp.ClientTimeout(total=3.0)
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Addresses; `alerts_url` is None with the reason why."""

    urls: Mapping[str, Sequence[str]]  # server → one address per replica
    alerts_url: str | None
    no_alerts: str


@dataclass(frozen=True)
class Alert:
    name: str
    state: str
    severity: str
    summary: str


class UnansweredError(Exception):
    """Its text says why."""


def sources(path: Path) -> Sources:
    """Read access.json; PlanError when there is no engine to look at."""
    access = read_access(path)
    if not access.get("simulator_admin_urls"):
        raise PlanError([missing(path, access, "simulator_admin_urls")])
    alerts = {
        "prometheus_url": "/api/v1/alerts",
        "alertmanager_url": "/api/v2/alerts?active=true&silenced=false&inhibited=false",
    }
    found = [access[name] + place for name, place in alerts.items() if access.get(name)]
    return Sources(
        urls=access["simulator_admin_urls"],
        alerts_url=found[0] if found else None,
        no_alerts=why_null(access, "prometheus_url"),
    )


async def readings(session: aiohttp.ClientSession, source: Sources) -> dict[str, Reading]:
    """Ask every engine at once: address → reading; one that does not answer has a problem."""
    urls = [url for replicas in source.urls.values() for url in replicas]
    return dict(zip(urls, await asyncio.gather(*(_reading(session, u) for u in urls)), strict=True))


async def _reading(session: aiohttp.ClientSession, url: str) -> Reading:
    try:
        text = (await _get(session, f"{url}/metrics")).decode("utf-8", errors="replace")
    except UnansweredError as error:
        return Reading(monotonic(), problems=(str(error),))
    return read(text, monotonic())


async def alerts(session: aiohttp.ClientSession, source: Sources) -> tuple[list[Alert], str | None]:
    """Ask for the alerts; else the reason why there are none to see."""
    if source.alerts_url is None:
        return [], source.no_alerts
    try:
        document = json.loads(await _get(session, source.alerts_url))
        rows = document if isinstance(document, list) else document["data"]["alerts"]
        return [_alert(row) for row in rows], None
    except UnansweredError as error:
        return [], f"{source.alerts_url}: {error}"
    except (ValueError, TypeError, KeyError, AttributeError):
        return [], f"{source.alerts_url}: the answer is no list of alerts"


def _alert(row: Mapping[str, Any]) -> Alert:
    """Read an alert of Prometheus or of Alertmanager; they differ in where the state stands."""
    labels, notes = row["labels"], row.get("annotations") or {}
    state = row.get("state") or row["status"]["state"]
    return Alert(
        name=str(labels["alertname"]),
        state=str(state),
        severity=str(labels.get("severity", "none")),
        summary=str(notes.get("summary", "")),
    )


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    try:
        async with session.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise UnansweredError(f"status {response.status}")
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MOST_BYTES:
                    raise UnansweredError(f"more than {MOST_BYTES // 2**20} MiB")
            return bytes(body)
    except TimeoutError:
        raise UnansweredError(f"no answer within {TIMEOUT.total:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UnansweredError(why_refused(error)) from None
