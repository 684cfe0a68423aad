"""Published deployments as data: what was run, and what was seen. Sources stand in each row."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest

from components.serving.wish import Wish

CASES = Path(__file__).with_name("cases.csv")
COUNTS = {
    "gpus",
    "nodes",
    "tensor_parallel",
    "data_parallel",
    "context_tokens",
    "kv_cache_bytes",
    "max_batched_tokens",
    "max_sequences",
}


def wish_of(flags):
    """Read a row's flags, which are those of `blueprint fit`."""
    words, said = iter(shlex.split(flags)), {}
    for word in words:
        field = word.removeprefix("--").replace("-", "_")
        if field.startswith("no_"):
            said[field.removeprefix("no_")] = False
        elif field == "expert_parallel":
            said[field] = True
        else:
            kind = int if field in COUNTS else float if field == "memory_utilization" else str
            said[field] = kind(next(words))
    return Wish(**said)


def rows():
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def cases():
    return {row["case"]: row for row in rows()}
