"""What a gateway pod needs, from what its tenants may do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1024 * 1024
# The most that one token takes in a JSON body, Chinese written as \uXXXX.
BYTES_PER_TOKEN = 6
# 500 live streams took 275 to 305 KiB each on QuickJS, all of it freed when a stream ends.
KIB_PER_STREAM = 320
# 51 MiB with 10,000 keys; while a reload drains, old and new workers are there together.
BASE_MEMORY_MIB = 128
# The file system in memory: pid, resolver, and bodies that outgrow their buffer.
RUN_MEMORY_MIB = 64
BASE_MILLICORES = 100
# 40 chunks a second cost a stream 0.5 thousandths of a core; TLS and peaks double that.
MILLICORES_PER_STREAM = 1
# A worker that parses a megabyte of JSON answers nobody else for milliseconds.
LEAST_WORKERS = 2
# A stream has two connections, to the client and to the engine; idle ones come on top.
CONNECTIONS_PER_STREAM = 4
LEAST_CONNECTIONS = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourcesPlan:
    workers: int  # also the CPU limit: nginx's own `auto` counts the cores of the node
    worker_connections: int
    cpu_request_millicores: int
    memory_request_mib: int
    memory_limit_mib: int
    run_memory_mib: int


def plan_resources(streams: int, body_bytes: int) -> ResourcesPlan:
    """Size a replica for the streams that its tenants may have open at once."""
    millicores = BASE_MILLICORES + streams * MILLICORES_PER_STREAM
    workers = max(LEAST_WORKERS, _ceil(millicores, 1000))
    memory = BASE_MEMORY_MIB + RUN_MEMORY_MIB + _ceil(streams * KIB_PER_STREAM, 1024)
    return ResourcesPlan(
        workers=workers,
        worker_connections=max(LEAST_CONNECTIONS, _ceil(streams * CONNECTIONS_PER_STREAM, workers)),
        cpu_request_millicores=millicores,
        memory_request_mib=memory,
        # The worst case on top: every stream with the largest body, which stays until it ends.
        memory_limit_mib=memory + _ceil(streams * body_bytes, MIB),
        run_memory_mib=RUN_MEMORY_MIB,
    )


def max_body_bytes(context_tokens: Iterable[int]) -> int:
    """Bound a request body by the longest context; nginx's own default, 1 MiB, is the least."""
    return max(MIB, *(tokens * BYTES_PER_TOKEN for tokens in context_tokens))


def _ceil(amount: int, unit: int) -> int:
    return -(-amount // unit)
