"""The engine simulator: an OpenAI-compatible server that computes nothing. For rehearsals only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..problems import Problem
from .contract import FILES_PATH, Ask, Container

# Shipped as text into the pod, never imported: components/ knows nothing of rehearsal/.
PROGRAM = Path(__file__).parents[2] / "rehearsal" / "engine" / "simulator.py"
PORT = 8000
USER_ID = 2000


class Simulator:
    name = "simulator"
    needs_weights = False

    def check(self, ask: Ask) -> Iterator[Problem]:
        if ask.extra_args:
            yield Problem(
                f"{ask.where}.extra_args",
                "the engine simulator takes no further arguments",
                "Remove them, or choose the engine vllm.",
            )

    def container(self, ask: Ask) -> Container:
        return Container(
            image="python",
            version="1",
            command=(
                "python3",
                f"{FILES_PATH}/{PROGRAM.name}",
                f"--port={PORT}",
                f"--context-tokens={ask.context_tokens}",
                f"--concurrency={ask.concurrency}",
                f"--drain-seconds={ask.drain_seconds}",
                *(f"--served-model-name={name}" for name in ask.served_names),
            ),
            environment={"PYTHONUNBUFFERED": "1"},
            port=PORT,
            health_path="/health",
            user_id=USER_ID,
            writable_paths=("/tmp",),  # noqa: S108  # Python's own temporary files
            shared_memory_gib=1,
            cpu_cores=1,
            files={PROGRAM.name: PROGRAM.read_text("utf-8")},
        )


ENGINE = Simulator()
