"""What the engine simulator manages on one core: many streams at once, against their own pace."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from .usage import cpu_seconds
from .workspace import ROOT

PROGRAM = ROOT / "rehearsal/engine/simulator.py"
STREAMS = 200
TOKENS_PER_SECOND = 20
SECONDS = 4
TOKENS = TOKENS_PER_SECOND * SECONDS
READ_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Measured:
    tokens: int  # that arrived, of all streams
    pace: float  # 1: every stream is as fast as if it were alone
    cpu_share: float  # of one core, while they ran


def measure() -> Measured:
    """Run the simulator on one core, and as many streams against it from another."""
    options = [f"--decode-tokens-per-second={TOKENS_PER_SECOND}", f"--concurrency={STREAMS}"]
    command = [sys.executable, str(PROGRAM), "--host=127.0.0.1", "--port=0"]
    with subprocess.Popen(
        [*command, "--served-model-name=m", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        said = process.stdout.readline() if process.stdout else ""
        begun, cpu = time.monotonic(), cpu_seconds(process.pid)
        tokens = asyncio.run(_ask_all(int(said.split()[-1])))
        spent = time.monotonic() - begun
        share = (cpu_seconds(process.pid) - cpu) / spent
        process.terminate()
    return Measured(tokens=tokens, pace=SECONDS / spent, cpu_share=share)


async def _ask_all(port: int) -> int:
    return sum(await asyncio.gather(*(_ask(port) for _ in range(STREAMS))))


async def _ask(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = {"model": "m", "prompt": "x", "stream": True, "max_tokens": TOKENS}
    body = json.dumps(asked).encode()
    head = "POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = b""
    while b"[DONE]" not in answer[-READ_BYTES:] and (data := await reader.read(READ_BYTES)):
        answer += data
    writer.close()
    return answer.count(b'"text":')
