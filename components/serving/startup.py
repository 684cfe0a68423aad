"""How long an engine may take from start to ready. Pure."""

from __future__ import annotations

# vLLM 0.32's own default of VLLM_ENGINE_READY_TIMEOUT_S: compile, graph capture and warm-up.
ENGINE_SECONDS = 600
# The declared rate is that of one reader; replicas that start together share it.
LOAD_FACTOR = 2
PROBE_PERIOD_SECONDS = 10


def startup_seconds(checkpoint_bytes: int, read_mb_per_second: int) -> int:
    """Budget of the startup probe in seconds, a multiple of its period.

    LOAD_FACTOR x bytes / rate + ENGINE_SECONDS: 689 GB at 4.8 GB/s load in 144 s, so 890 s.
    """
    load = -(-LOAD_FACTOR * checkpoint_bytes // (read_mb_per_second * 10**6))
    return -(-(load + ENGINE_SECONDS) // PROBE_PERIOD_SECONDS) * PROBE_PERIOD_SECONDS
