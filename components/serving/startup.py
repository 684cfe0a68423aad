"""How long an engine may take from start to ready. Pure."""

from __future__ import annotations

# vLLM 0.32's own default of VLLM_ENGINE_READY_TIMEOUT_S: compile, graph capture and a margin.
ENGINE_SECONDS = 600
# torch.compile of a first pod with a model of 640 GB (EKS docs); later pods take 6 s from a cache.
COMPILE_SECONDS = 80
# "Graph capturing finished in 22 secs" for 51 graphs of V4-Flash (vllm-project/vllm#50576).
CAPTURE_SECONDS = 22
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


def ready_seconds(checkpoint_bytes: int, read_mb_per_second: int) -> int:
    """Time from start to ready that is to be expected, in seconds.

    bytes / rate + compile + graph capture: 689 GB at 4.8 GB/s take 144 + 80 + 22 s.
    """
    load = -(-checkpoint_bytes // (read_mb_per_second * 10**6))
    return load + COMPILE_SECONDS + CAPTURE_SECONDS
