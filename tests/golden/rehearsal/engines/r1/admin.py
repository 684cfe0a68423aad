"""The admin port: faults, and the state. For drills; clients must not reach it.

GET /            the state          PATCH /faults    set some, as an object
GET /metrics     never stale        DELETE /faults   take all back
GET /health      200                POST /crash      exit now; {"exit_code": 1}
                                    POST /oom-kill   exit as the kernel's OOM killer ends it
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from .engine import Engine
from .faults import BadFaultError
from .metrics import CONTENT_TYPE
from .replies import NAME
from .web import Exchange

MOST_EXIT_CODE = 255
OOM_EXIT_CODE = 137


class Admin:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            body = json.loads(request.body or b"{}")
            match request.method, request.path:
                case "GET", "/":
                    exchange.send_json(200, self.state())
                case "GET", "/health":
                    exchange.send(200, b"")
                case "GET", "/metrics":
                    exchange.send(200, self.engine.exposition().encode(), CONTENT_TYPE)
                case "PATCH", "/faults":
                    self.engine.faults.change(body)
                    exchange.send_json(200, self.state())
                case "DELETE", "/faults":
                    self.engine.faults.clear()
                    exchange.send_json(200, self.state())
                case "POST", "/crash":
                    _crash(body)
                case "POST", "/oom-kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                    os._exit(OOM_EXIT_CODE)  # process 1 of a container cannot kill itself
                case _:
                    exchange.send_json(404, {"error": "see GET / for the state"})
        except ValueError as problem:
            known = isinstance(problem, BadFaultError)
            said = str(problem) if known else "the body is not what is asked for"
            exchange.send_json(400, {"error": said})

    def state(self) -> dict[str, Any]:
        batch, options = self.engine.batch, self.engine.options
        return {
            "name": NAME,
            "face": options.face,
            "model": options.served_model_name[0],
            "running": len(batch.running),
            "waiting": len(batch.waiting),
            "kv_cache_usage": batch.blocks.usage,
            "draining": self.engine.draining,
            "faults": self.engine.faults.state(),
        }


def _crash(body: object) -> None:
    code = body.get("exit_code", 1) if isinstance(body, dict) else None
    if not isinstance(code, int) or not 0 <= code <= MOST_EXIT_CODE:
        raise BadFaultError(f"exit_code must be between 0 and {MOST_EXIT_CODE}")
    os._exit(code)
