"""The first answers through the gateway: only they say that a deployed stack serves."""

from __future__ import annotations

import http.client
import json
import ssl
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from .processes import until

_SECONDS = 60.0
_TIMEOUT_SECONDS = 10.0
# A connection goes to any replica, and each finds the engines by itself, seconds after it is
# ready. Meanwhile hundreds are asked, so the row has to be long: of 500 connections to two
# replicas, 16 in a row go to the same one less than once in a hundred times, 8 most of the time.
_IN_A_ROW_PER_REPLICA = 8
_ANSWERS = (200, 429)  # too many requests: who says that has found its way, too


def wait_for_answers(url: str, ca_file: Path, key: str, model: str, *, replicas: int) -> bool:
    """Ask until every replica answers; False when the time is up."""
    tls = ssl.create_default_context(cafile=ca_file)
    wanted, row = _IN_A_ROW_PER_REPLICA * replicas, 0

    def enough() -> bool:
        nonlocal row
        row = row + 1 if _ask(url, tls, key, model) in _ANSWERS else 0
        return row >= wanted

    return until(enough, _SECONDS)


def _ask(url: str, tls: ssl.SSLContext, key: str, model: str) -> int | None:
    """Ask for one token on a connection of its own; answer the status, if there is one."""
    place = urlsplit(url)
    question = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection = http.client.HTTPSConnection(
        str(place.hostname), place.port, timeout=_TIMEOUT_SECONDS, context=tls
    )
    try:
        with closing(connection):
            connection.request("POST", "/v1/chat/completions", json.dumps(question), headers)
            return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
