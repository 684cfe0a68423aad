"""A small asynchronous client of the Kubernetes API, and copies of what it has."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]
Key = tuple[str, str]  # namespace, "" for what has none; name
Change = Callable[[Json | None, Json | None], None]  # what it was, what it is; None: not there

MERGE = "application/merge-patch+json"
_TIMEOUT_SECONDS = 20.0
_PAUSE_SECONDS = 0.5  # before a list that follows a failure
_LOG = logging.getLogger(__name__)


class ApiError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class Api:
    def __init__(self, server: str, ca: Path, certificate: Path) -> None:
        tls = ssl.create_default_context(cafile=ca)
        tls.load_cert_chain(certificate)
        self._http = httpx.AsyncClient(
            base_url=server, verify=tls, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    async def get(self, path: str, **query: str) -> Json:
        return await self._call("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, body)

    async def merge(self, path: str, body: Json) -> Json:
        """Patch: what is in `body` replaces what is there, lists as a whole."""
        return await self._call("PATCH", path, body, MERGE)

    async def delete(self, path: str, body: Json) -> Json:
        return await self._call("DELETE", path, body)

    async def put(self, collection: str, body: Json) -> None:
        """Change the object, or create it.

        In this order: to create a Service again is no conflict of names, but of addresses.
        """
        try:
            await self.merge(f"{collection}/{body['metadata']['name']}", body)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self.create(collection, body)

    async def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        kind: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> Json:
        content = None if body is None else json.dumps(body)
        headers = {"content-type": kind}
        answer = await self._http.request(
            method, path, content=content, params=query, headers=headers
        )
        if answer.is_error:
            raise ApiError(answer.status_code, answer.text)
        document: Json = answer.json()
        return document

    async def lines(self, path: str, query: dict[str, str], see: Callable[[Json], bool]) -> None:
        """Read a stream of objects, one a line, until it ends or `see` answers False."""
        endless = httpx.Timeout(_TIMEOUT_SECONDS, read=None)
        async with self._http.stream("GET", path, params=query, timeout=endless) as stream:
            if stream.is_error:
                raise ApiError(stream.status_code, "watch")
            async for line in stream.aiter_lines():
                if not see(json.loads(line)):
                    return


class Mirror:
    """What the API server has of one kind, kept up to date; `changed` hears of every change."""

    def __init__(self, api: Api, path: str, changed: Change) -> None:
        self._api, self._path, self._changed = api, path, changed
        self.items: dict[Key, Json] = {}
        self.complete = asyncio.Event()

    def get(self, namespace: str, name: str) -> Json | None:
        return self.items.get((namespace, name))

    async def follow(self) -> None:
        """Never ends; lists again after every gap."""
        while True:
            try:
                version = await self._list()
                self.complete.set()
                query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
                await self._api.lines(self._path, query, self._see)
            except (httpx.HTTPError, ApiError) as error:
                _LOG.info("%s: %r; listing again", self._path, error)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _list(self) -> str:
        listing = await self._api.get(self._path)
        listed = {key_of(item): item for item in listing["items"]}
        for key in self.items.keys() - listed.keys():
            self._put(key, None)
        for key, item in listed.items():
            self._put(key, item)
        version: str = listing["metadata"]["resourceVersion"]
        return version

    def _see(self, event: Json) -> bool:
        if event["type"] == "ERROR":  # mostly: the version is too old to go on from
            return False
        if event["type"] != "BOOKMARK":
            item = event["object"]
            self._put(key_of(item), None if event["type"] == "DELETED" else item)
        return True

    def _put(self, key: Key, item: Json | None) -> None:
        before = self.items.get(key)
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item
        self._changed(before, item)


def key_of(item: Json) -> Key:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
