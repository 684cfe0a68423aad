"""How long an engine may take from start to ready. Pure."""

from __future__ import annotations

# vLLM 0.32's own default of VLLM_ENGINE_READY_TIMEOUT_S: compile, graph capture and warm-up.
ENGINE_SECONDS = 600
# Others read from the volume too; half the declared rate is the most that we count on.
LEAST_READERS = 2
PROBE_PERIOD_SECONDS = 10


def startup_seconds(checkpoint_bytes: int, read_mb_per_second: int, readers: int) -> int:
    """Budget of the startup probe in seconds, a multiple of its period.

    `readers` replicas start at the same time and share the rate:
    readers x bytes / rate + ENGINE_SECONDS. Two replicas of 689 GB at 4.8 GB/s load in 288 s, so
    890 s.
    """
    load = -(-max(LEAST_READERS, readers) * checkpoint_bytes // (read_mb_per_second * 10**6))
    return -(-(load + ENGINE_SECONDS) // PROBE_PERIOD_SECONDS) * PROBE_PERIOD_SECONDS
