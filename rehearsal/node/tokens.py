"""Service account tokens of a pod: asked of the API server, renewed before they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import httpx

from .api import Api, ApiError, Json
from .volumes import MissingError

_HOUR = 3600
_RENEWED_AT = 0.8  # of its life, as the kubelet does
_RETRY_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


class Tokens:
    def __init__(self, api: Api, pod: Json) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        account = spec.get("serviceAccountName", "default")
        self._api = api
        self._url = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        self._bound = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        self._sources = [
            part["serviceAccountToken"]
            for volume in spec.get("volumes", [])
            for part in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in part
        ]
        self._known: dict[str, str] = {}

    def get(self, source: Json) -> str:
        audience = source.get("audience", "")
        if audience not in self._known:
            raise MissingError("the service account token is not there yet")
        return self._known[audience]

    async def fetch(self) -> None:
        for source in self._sources:
            audience = source.get("audience", "")
            asked = {
                "expirationSeconds": source.get("expirationSeconds", _HOUR),
                "boundObjectRef": self._bound,
                **({"audiences": [audience]} if audience else {}),
            }
            answer = await self._api.create(self._url, {"spec": asked})
            self._known[audience] = answer["status"]["token"]

    async def renew(self, changed: Callable[[], None]) -> None:
        """Never ends, unless there is nothing to renew."""
        if not self._sources:
            return
        life = min(source.get("expirationSeconds", _HOUR) for source in self._sources)
        while True:
            await asyncio.sleep(life * _RENEWED_AT)
            try:
                await self.fetch()
                changed()
            except (ApiError, httpx.HTTPError) as error:
                _LOG.info("%s: %r", self._url, error)
                await asyncio.sleep(_RETRY_SECONDS)
