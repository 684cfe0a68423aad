"""What a user says about one replica, and what the catalogue knows of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..catalog.load import accelerators, runtimes
from ..catalog.resolve import find_model
from ..catalog.schema import Accelerator, Model, Runtime
from ..problems import Problem, nearest
from .records import CACHE_NAMES
from .runtime import Behaviour, behaviour

COUNTS = (
    *("gpus", "nodes", "tensor_parallel", "pipeline_parallel", "data_parallel"),
    *("decode_context_parallel", "context_tokens", "concurrency", "kv_cache_bytes"),
    *("max_batched_tokens", "max_sequences"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What was said; None: nothing. Field names are those of the flags of `blueprint fit`."""

    model: str
    accelerator: str
    gpus: int  # of one replica, on all its nodes
    nodes: int | None = None
    engine: str = "vllm"
    engine_version: str | None = None
    precision: str | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    data_parallel: int | None = None
    expert_parallel: bool | None = None
    decode_context_parallel: int | None = None
    context_tokens: int | None = None
    concurrency: int | None = None
    kv_cache_dtype: str | None = None
    kv_cache_bytes: int | None = None
    memory_utilization: float | None = None
    max_batched_tokens: int | None = None
    max_sequences: int | None = None
    cuda_graphs: bool = True
    engram_on_host: bool = True
    mig_profile: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The catalogue's side of a wish: everything named in it exists."""

    model: Model
    accelerator: Accelerator
    runtime: Runtime
    behaviour: Behaviour
    nodes: int

    @property
    def moniker(self) -> str:
        return f"{self.runtime.name} {self.behaviour.version}"


def subject_of(wish: Wish) -> Subject | tuple[Problem, ...]:
    """Look up what the wish names; every unknown name is a problem with the nearest known."""
    model = find_model(wish.model, wish.precision)
    accelerator = accelerators().get(wish.accelerator)
    runtime = runtimes().get(wish.engine)
    known = _behaviour(runtime, wish.engine_version) if runtime else None
    problems = [
        *_numbers(wish),
        *([model] if isinstance(model, Problem) else []),
        *([] if accelerator else [unknown("accelerator", wish.accelerator, accelerators())]),
        *([] if runtime else [unknown("engine", wish.engine, runtimes())]),
        *([known] if isinstance(known, Problem) else []),
    ]
    if wish.kv_cache_dtype is not None and wish.kv_cache_dtype not in CACHE_NAMES:
        problems.append(unknown("kv_cache_dtype", wish.kv_cache_dtype, CACHE_NAMES))
    if problems or isinstance(model, Problem) or isinstance(known, Problem):
        return tuple(problems)
    if accelerator is None or runtime is None or known is None:
        return tuple(problems)
    return Subject(
        model=model,
        accelerator=accelerator,
        runtime=runtime,
        behaviour=known,
        nodes=wish.nodes or -(-wish.gpus // accelerator.gpus_per_node),
    )


def unknown(field: str, word: str, known: Iterable[str]) -> Problem:
    """Refuse a name with the nearest and all known ones."""
    names = sorted(known)
    fix = f"{nearest(word, names)}Known: {', '.join(names)}."
    return Problem(field, f"there is no {field.replace('_', ' ')} {word!r}", fix)


def _numbers(wish: Wish) -> Iterator[Problem]:
    for field in COUNTS:
        value = getattr(wish, field)
        if value is not None and value < 1:
            yield Problem(field, f"{value} is no count", "Give 1 or more.")
    share = wish.memory_utilization
    if share is not None and not 0 < share <= 1:
        what = f"{share:g} is no share of a device"
        yield Problem("memory_utilization", what, "Give more than 0 and at most 1, as 0.92.")


def _behaviour(runtime: Runtime, version: str | None) -> Behaviour | Problem:
    fix = f"Give a version such as {runtime.released}."
    try:
        return behaviour(runtime, version)
    except ValueError as error:
        known = str(error).startswith("nothing is known")
        what = str(error) if known else f"{version!r} is no version"
        return Problem("engine_version", what, fix)
