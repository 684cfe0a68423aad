"""Events, as `kubectl describe` shows them; the same one again is a count."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import httpx

from .api import Api, ApiError, Json

COMPONENT = "process-agent"
_LOG = logging.getLogger(__name__)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(about: Json, node: str, kind: str, reason: str, message: str) -> Json:
    """Write an Event about a pod or a node."""
    metadata, moment = about["metadata"], now()
    namespace = metadata.get("namespace", "default")
    return {
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": about.get("kind", "Pod"),
            "namespace": metadata.get("namespace"),
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": COMPONENT, "host": node},
        "reportingComponent": COMPONENT,
        "reportingInstance": node,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


class Recorder:
    """Writes Events in the order in which they happened, off the way of what they are about."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waiting: asyncio.Queue[Json] = asyncio.Queue()
        self._written: dict[tuple[str, str, str], tuple[str, int]] = {}

    def tell(self, about: Json, node: str, kind: str, reason: str, message: str) -> None:
        _LOG.info("%s: %s: %s", about["metadata"]["name"], reason, message)
        self._waiting.put_nowait(event(about, node, kind, reason, message))

    async def write(self) -> None:
        """Never ends. An event that the API server refuses is lost, as in every cluster."""
        while True:
            waiting = await self._waiting.get()
            try:
                await self._write(waiting)
            except (httpx.HTTPError, ApiError) as error:
                _LOG.info("event %s: %r", waiting["reason"], error)

    async def _write(self, told: Json) -> None:
        key = (told["involvedObject"]["uid"], told["reason"], told["message"])
        collection = f"/api/v1/namespaces/{told['metadata']['namespace']}/events"
        if key in self._written:
            name, count = self._written[key]
            again = {"count": count + 1, "lastTimestamp": told["lastTimestamp"]}
            await self._api.merge(f"{collection}/{name}", again)
            self._written[key] = (name, count + 1)
            return
        written = await self._api.create(collection, told)
        self._written[key] = (written["metadata"]["name"], 1)
