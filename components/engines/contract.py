"""What every engine file must answer. Proven for all of them by tests/contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..catalog.schema import Accelerator, Model
from ..problems import Problem

FILES_PATH = "/opt/engine"  # where a container's own files are mounted


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What one model server asks of its engine."""

    where: str  # the server's path in the spec, `servers.r1`
    model: Model
    accelerator: Accelerator
    served_names: tuple[str, ...]  # what clients call the model
    weights_path: str | None  # the folder of the checkpoint inside the pod
    weights_on_network: bool
    tensor_parallel: int
    context_tokens: int
    concurrency: int
    startup_seconds: int
    drain_seconds: int
    extra_args: tuple[str, ...]
    kv_cache_tokens: int = 0  # that fit beside the weights; 0: nobody could say


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """The engine's side of a pod: decided here, transcribed elsewhere."""

    image: str  # an entry of images.lock.yaml
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    health_path: str
    user_id: int
    writable_paths: tuple[str, ...]  # the root file system is read-only
    shared_memory_gib: int
    cpu_cores: int
    files: Mapping[str, str] = field(default_factory=dict)  # name → text, under FILES_PATH


class Engine(Protocol):
    name: str
    needs_weights: bool

    def check(self, ask: Ask) -> Iterator[Problem]:
        """Say why this engine cannot serve this model here; yield nothing if it can."""

    def container(self, ask: Ask) -> Container:
        """Describe the container; asked only when `check` yielded nothing."""
