"""The engine simulator: an OpenAI-compatible server that computes nothing. For rehearsals only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..problems import Problem
from .contract import FILES_PATH, Ask, Container

# Shipped as text into the pod, never imported: components/ knows nothing of rehearsal/.
PROGRAM = Path(__file__).parents[2] / "rehearsal" / "engine" / "simulator.py"
PORT = 8000
ADMIN_PORT = 8001  # where drills set faults; no NetworkPolicy opens it
# Seconds of a step are a floor and a cost per stream. Of DeepSeek-R1 FP8 on 8 x H200 (SGLang 0.5.9,
# TP8, 1k/1k; aiconfigurator systems/silicon_sample.csv): 10.3 ms per output token at 4 streams and
# 33.0 ms at 64, so 0.378 ms per stream above 8.79 ms; first tokens after 260 ms of 1k and 447 ms of
# 8k prompt tokens, so 27 us each. A roofline (bytes read / memory bandwidth) would say 1 ms: ten
# times too fast. Other models are simulated at the same speed.
DECODE_TOKENS_PER_SECOND = 114
BATCH_TOKENS_PER_SECOND = 2640
PREFILL_TOKENS_PER_SECOND = 37000
USER_ID = 2000
BATCHED_TOKENS = 8192  # of a step: vLLM 0.32 on devices from 70 GiB


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
                f"--admin-port={ADMIN_PORT}",
                f"--decode-tokens-per-second={DECODE_TOKENS_PER_SECOND}",
                f"--batch-tokens-per-second={BATCH_TOKENS_PER_SECOND}",
                f"--prefill-tokens-per-second={PREFILL_TOKENS_PER_SECOND}",
                f"--max-batched-tokens={max(BATCHED_TOKENS, ask.concurrency)}",
                *(f"--kv-cache-tokens={tokens}" for tokens in _kv_cache_tokens(ask)),
                # As our vLLM: the gateway settles from `usage`, so every stream has to carry it.
                "--force-include-usage",
                *(f"--served-model-name={name}" for name in ask.served_names),
            ),
            environment={"PYTHONUNBUFFERED": "1"},
            port=PORT,
            health_path="/health",
            user_id=USER_ID,
            writable_paths=("/tmp",),  # noqa: S108  # Python's own temporary files
            shared_memory_gib=1,
            cpu_cores=1,
            files=_files(),
        )


def _files() -> dict[str, str]:
    texts = {path.name: path.read_text("utf-8") for path in sorted(PROGRAM.parent.glob("*.py"))}
    return {name: text for name, text in texts.items() if text}


def _kv_cache_tokens(ask: Ask) -> Iterator[int]:
    """Give what fits, where that can be said; the simulator's own default holds the promise."""
    if ask.kv_cache_tokens >= ask.context_tokens:
        yield ask.kv_cache_tokens


ENGINE = Simulator()
