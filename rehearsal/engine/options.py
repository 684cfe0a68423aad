"""The command line of the simulator, and what of it contradicts itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from math import inf

FACES = ("vllm", "tgi", "ollama")
POLICIES = ("fcfs", "priority")
BLOCK_TOKENS = 16  # vLLM's own block size on devices without a special kernel


AT_LEAST_ONE = (
    *("context_tokens", "concurrency", "max_batched_tokens", "kv_cache_tokens"),
    *("max_queued_requests", "max_queued_tokens"),
)
MORE_THAN_NOTHING = (
    *("decode_tokens_per_second", "batch_tokens_per_second", "prefill_tokens_per_second"),
    "time_scale",
)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "simulator", description="An engine that computes nothing.", allow_abbrev=False
    )
    add = made.add_argument
    add("--face", choices=FACES, default="vllm", help="whose API it has")
    add("--host", default="0.0.0.0")  # noqa: S104  # NetworkPolicy says who may come
    add("--port", type=int, default=8000)
    add("--admin-port", type=int, help="where faults are set; none if absent")
    add("--served-model-name", action="append", required=True)
    add("--reasoning", action="store_true", help="begin answers with reasoning, in its own field")
    add("--force-include-usage", action="store_true", help="end every stream with its usage")
    add("--context-tokens", type=int, default=4096)
    add("--concurrency", type=int, default=16, help="requests in the batch; vLLM max-num-seqs")
    add("--max-batched-tokens", type=int, default=8192, help="tokens of one step")
    add("--kv-cache-tokens", type=int, help="default: the whole context for every place")
    add("--max-queued-requests", type=int, help="more than these are refused; default: no limit")
    add("--max-queued-tokens", type=int, help="prompts beyond these are refused")
    add("--scheduling-policy", choices=POLICIES, default="fcfs")
    add("--no-prefix-cache", action="store_true")
    add("--startup-seconds", type=float, default=0, help="nothing listens before they are over")
    add("--drain-seconds", type=float, default=0, help="vLLM's shutdown-timeout")
    add("--decode-tokens-per-second", type=float, default=50, help="of a stream alone")
    add("--batch-tokens-per-second", type=float, default=inf, help="of all streams together")
    add("--prefill-tokens-per-second", type=float, default=inf)
    add("--time-scale", type=float, default=1, help="how many times faster all of this goes")
    return made


def problems(options: argparse.Namespace) -> Iterator[str]:
    """Say what no engine could be started with, in vLLM's sense where it has one."""
    yield from _ranges(options)
    if options.admin_port and options.admin_port == options.port:
        yield "--admin-port and --port must differ: clients must not reach the faults"
    if options.max_batched_tokens < options.concurrency:
        # vLLM config/scheduler.py, of the same pair.
        yield (
            f"--max-batched-tokens ({options.max_batched_tokens}) must be greater than or equal to "
            f"--concurrency ({options.concurrency})"
        )
    tokens = options.kv_cache_tokens
    if tokens is not None and options.context_tokens > tokens // BLOCK_TOKENS * BLOCK_TOKENS:
        # vLLM v1/core/kv_cache_utils.py refuses to start: one request at full context must fit.
        yield (
            f"--context-tokens ({options.context_tokens}) is larger than the KV cache holds "
            f"({tokens}): raise --kv-cache-tokens or lower --context-tokens"
        )


def _ranges(options: argparse.Namespace) -> Iterator[str]:
    for name in AT_LEAST_ONE:
        value = getattr(options, name)
        if value is not None and value < 1:
            yield f"--{name.replace('_', '-')} must be at least 1, got {value}"
    for name in MORE_THAN_NOTHING:
        if not getattr(options, name) > 0:
            yield f"--{name.replace('_', '-')} must be more than 0"
    for name in ("startup_seconds", "drain_seconds"):
        if not getattr(options, name) >= 0:
            yield f"--{name.replace('_', '-')} must not be negative"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse, fill in what follows from the rest; exit with 2 and every problem at once."""
    made = parser()
    options = made.parse_args(arguments)
    if found := list(problems(options)):
        made.error("\n  ".join(["the settings cannot work", *found]))
    if options.kv_cache_tokens is None:
        blocks = -(-options.context_tokens // BLOCK_TOKENS)
        options.kv_cache_tokens = options.concurrency * blocks * BLOCK_TOKENS
    return options
