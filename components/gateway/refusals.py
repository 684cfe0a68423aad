"""What nginx itself answers when it refuses, in the shape that OpenAI's clients read. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

INVALID = "invalid_request_error"
SERVER = "server_error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    status: int
    code: str
    message: str
    kind: str = INVALID
    early: bool = False  # nginx may say so before it has read the address
    # nginx's own statuses that are told to the client as this one.
    also: tuple[int, ...] = ()
    # Seconds, or the nginx variable that holds them; empty where trying again cannot help.
    retry_after: str = ""

    @property
    def body(self) -> str:
        """The JSON document; it may hold neither ' nor $, which end or change it in nginx."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        return json.dumps({"error": error}, separators=(",", ":"))


REFUSALS = (
    Refusal(
        status=400,
        code="bad_request",
        message="The request is malformed.",
        early=True,
        # 494: a header is too large; 497: plain HTTP on the TLS port; 501, 505: unknown to nginx.
        also=(494, 497, 501, 505),
    ),
    Refusal(status=404, code="not_found", message="There is nothing at this path."),
    Refusal(status=405, code="method_not_allowed", message="This path has no such method."),
    Refusal(
        status=413, code="request_too_large", message="The body is larger than any context here."
    ),
    Refusal(status=414, code="uri_too_long", message="The address is too long.", early=True),
    Refusal(
        status=429,
        code="rate_limit_exceeded",
        message="Too many requests a minute, or too many open at once.",
        kind="requests",
        retry_after="$retry_after_429",
    ),
    Refusal(status=500, code="internal_error", message="The gateway failed, not you.", kind=SERVER),
    Refusal(
        status=503,
        code="server_overloaded",
        message="The gateway takes no requests now.",
        kind=SERVER,
        retry_after="5",
    ),
    Refusal(
        status=504,
        code="timeout",
        message="The engine did not answer in time.",
        kind=SERVER,
        retry_after="1",
    ),
)
QUERY = Refusal(status=400, code="bad_request", message="This path takes no query.")
# nginx answers 502 to both; only `$upstream_addr` tells them apart.
ENGINE_FAILED = Refusal(
    status=502,
    code="bad_gateway",
    message="The engine failed.",
    kind=SERVER,
    retry_after="1",
)
NO_ENGINE = Refusal(
    status=503,
    code="no_engine",
    message="No engine can take the request.",
    kind=SERVER,
    retry_after="2",
)
