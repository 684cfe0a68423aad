"""vLLM: its images, its flags, and its words for our words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ..catalog.schema import Accelerator
from ..problems import Problem, nearest
from .contract import Ask, Container

VERSION = "0.32.0"
# Every flag and variable of that version, read from its own argument parser.
INTERFACE = Path(__file__).with_name(f"vllm-{VERSION}.json")
IMAGES = {"nvidia": "vllm-cuda", "amd": "vllm-rocm"}
REASONING_PARSERS = {
    "deepseek-r1": "deepseek_r1",
    "deepseek-v3": "deepseek_v3",
    "deepseek-v4": "deepseek_v4",
    "deepseek-v41": "deepseek_v41",
}
PORT = 8000
# The image's passwd knows uid 2000 as `vllm`; an unknown uid dies at import in getpass.getuser
# (vllm-project/vllm#40275).
USER_ID = 2000
CACHE = "/cache"  # compile caches and everything else that wants a home
# /dev/shm of vLLM's own LeaderWorkerSet page (docs/deployment/frameworks/lws.md).
SHARED_MEMORY_GIB = 15
REFUSED = {
    "--api-key": "it would put a key into the process list; the gateway checks keys",
    "--enable-log-requests": "it writes prompts into the log",
    "--load-format": "dummy weights answer nonsense; the checkpoint's own format is found",
    "--middleware": "it runs code of somebody's choice in front of every request",
    "--enable-log-outputs": "it writes answers into the log",
    "--trust-remote-code": "it runs code from the checkpoint; vLLM has native classes for DeepSeek",
}


# What would change which GPUs, which address or which checks the plan has decided on.
UNDOES = (
    *("--config", "--data-parallel-size", "--disable-log-stats", "--grpc", "--headless", "--help"),
    *("--host", "--nnodes", "--node-rank", "--pipeline-parallel-size", "--root-path", "--uds"),
    *("--ssl-ca-certs", "--ssl-certfile", "--ssl-keyfile", "--data-parallel-size-local"),
    *("--prefill-context-parallel-size", "--model"),
)


@cache
def interface() -> dict[str, Any]:
    """Read `flags` (name → takes_value, choices) and `environment` (names) of the engine."""
    loaded: dict[str, Any] = json.loads(INTERFACE.read_text("utf-8"))
    return loaded


class Vllm:
    name = "vllm"
    needs_weights = True

    def check(self, ask: Ask) -> Iterator[Problem]:
        reasoning = ask.model.reasoning_format
        if reasoning is not None and reasoning not in REASONING_PARSERS:
            yield Problem(
                f"{ask.where}.model",
                f"vLLM {VERSION} has no parser that we know for {reasoning}, the reasoning format "
                f"of {ask.model.name}",
                "Add it to REASONING_PARSERS in components/engines/vllm.py, or choose another "
                "model.",
            )
        yield from _check_extra_args(ask)

    def container(self, ask: Ask) -> Container:
        return Container(
            image=IMAGES[ask.accelerator.vendor],
            version=VERSION,
            command=("vllm", "serve", str(ask.weights_path), *_flags(ask), *ask.extra_args),
            environment=_environment(ask.accelerator, ask.startup_seconds),
            port=PORT,
            health_path="/health",
            user_id=USER_ID,
            writable_paths=(CACHE, "/tmp"),  # noqa: S108  # sockets and metric files of the engine
            shared_memory_gib=SHARED_MEMORY_GIB,
            # One core each for the API server and the engine core, one per GPU worker.
            cpu_cores=2 + ask.tensor_parallel,
        )


def _flags(ask: Ask) -> Iterator[str]:
    yield from ("--served-model-name", *ask.served_names)
    yield f"--port={PORT}"
    yield f"--tensor-parallel-size={ask.tensor_parallel}"
    yield f"--max-model-len={ask.context_tokens}"
    yield f"--max-num-seqs={ask.concurrency}"
    # The default, 0, cuts every open stream at SIGTERM.
    yield f"--shutdown-timeout={ask.drain_seconds}"
    # The gateway settles from `usage`, so every stream has to carry it.
    yield "--enable-force-include-usage"
    yield "--disable-access-log-for-endpoints=/health,/metrics"
    if ask.weights_on_network:
        # Lazy mmap is slow on network file systems, and auto-prefetch knows only some of them.
        yield "--safetensors-load-strategy=prefetch"
    if ask.model.reasoning_format in REASONING_PARSERS:
        yield f"--reasoning-parser={REASONING_PARSERS[ask.model.reasoning_format]}"


def _environment(accelerator: Accelerator, startup_seconds: int) -> dict[str, str]:
    caches = {
        "HOME": "",
        "HF_HOME": "/huggingface",
        "TORCHINDUCTOR_CACHE_DIR": "/inductor",
        "TRITON_CACHE_DIR": "/triton",
        "VLLM_CACHE_ROOT": "/vllm",
        "XDG_CONFIG_HOME": "/config",
    }
    # Verified pairs of the vLLM recipes set it; off by default.
    rocm = {"VLLM_ROCM_USE_AITER": "1"} if accelerator.vendor == "amd" else {}
    return {
        **{name: f"{CACHE}{folder}" for name, folder in caches.items()},
        "HF_HUB_OFFLINE": "1",
        "USER": "vllm",
        "VLLM_DO_NOT_TRACK": "1",
        "VLLM_ENGINE_READY_TIMEOUT_S": str(startup_seconds),
        "VLLM_NO_USAGE_STATS": "1",
        **rocm,
    }


def _check_extra_args(ask: Ask) -> Iterator[Problem]:
    flags, ours = interface()["flags"], {flag.split("=")[0] for flag in _flags(ask)}
    for position, argument in enumerate(ask.extra_args):
        where = f"{ask.where}.extra_args.{position}"
        flag, equals, value = argument.partition("=")
        if flag.replace("--no-", "--", 1) in ours or flag in UNDOES:
            yield Problem(
                where, f"{flag} is decided by the plan", "Remove it; see the spec fields."
            )
        elif flag in REFUSED:
            yield Problem(where, f"{flag} is refused: {REFUSED[flag]}", "Remove it.")
        elif flag not in flags:
            yield Problem(
                where,
                f"vLLM {VERSION} has no flag {flag!r}",
                f"{nearest(flag, flags)}Write one flag an entry, as --flag or --flag=value.",
            )
        elif flags[flag]["takes_value"] != bool(equals):
            form = f"{flag}=VALUE" if flags[flag]["takes_value"] else flag
            yield Problem(where, f"{argument!r} is not how {flag} is written", f"Write {form}.")
        elif value not in flags[flag].get("choices", [value]):
            choices = ", ".join(flags[flag]["choices"])
            yield Problem(where, f"{flag} cannot be {value!r}", f"Choose one of {choices}.")


ENGINE = Vllm()
