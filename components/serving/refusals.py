"""Why a replica cannot be asked about at all: pairs that do not work, whatever the memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..catalog.shapes import Compressed
from ..problems import Problem
from .memory import Split
from .records import CACHE_NAMES, packs_records
from .runtime import number
from .splits import candidate_splits, check_heads, check_split
from .wish import Subject, Wish, unknown


def refusals(wish: Wish, subject: Subject) -> tuple[Problem, ...]:
    """Collect everything against this wish, all at once."""
    pairs = [*_check_device(wish, subject), *_check_precision(subject), *_check_engine(subject)]
    return (*pairs, *_check_cache(wish, subject), *_check_layout(wish, subject))


def warnings(wish: Wish, subject: Subject) -> Iterator[Problem]:
    """Say what speaks against this wish and does not forbid it."""
    seen = subject.model.checkpoint.evidence.get(subject.accelerator.name)
    if seen and seen.state == "unsupported" and seen.contrary:
        yield Problem(
            "accelerator",
            f"{seen.source} marks {subject.model.name} unsupported on {subject.accelerator.name}; "
            f"{seen.contrary}",
            "Take this as a verdict about memory, and try it before you promise it.",
        )
    if wish.tensor_parallel and wish.tensor_parallel > wish.gpus // subject.nodes:
        what = f"{wish.tensor_parallel} tensor ranks reach across {subject.nodes} nodes"
        fix = "Prefer one stage per node where RDMA is not at hand."
        yield Problem("tensor_parallel", what, fix)


def _check_device(wish: Wish, subject: Subject) -> Iterator[Problem]:
    accelerator = subject.accelerator
    if accelerator.refused:
        fix = "Choose an NVIDIA or AMD accelerator."
        yield Problem("accelerator", f"{accelerator.name} is refused: {accelerator.refused}", fix)
    profile = wish.mig_profile
    if profile is not None and profile not in accelerator.mig_mib:
        if accelerator.mig_mib:
            yield unknown("mig_profile", profile, accelerator.mig_mib)
        else:
            what = f"no MIG profile of {accelerator.name} is known"
            yield Problem("mig_profile", what, "Leave it out.")


def _check_precision(subject: Subject) -> Iterator[Problem]:
    model, accelerator = subject.model, subject.accelerator
    precision = model.checkpoint.precision
    if accelerator.refused:
        return
    if precision not in accelerator.native_precisions:
        possible = [p for p in model.checkpoints if p in accelerator.native_precisions]
        others = f"Use precision {' or '.join(possible)}, or an" if possible else "Use an"
        yield Problem(
            "precision",
            f"{accelerator.name} does not compute {precision}, in which {model.repository} is "
            f"published",
            f"{others} accelerator that computes {precision}.",
        )
    seen = model.checkpoint.evidence.get(accelerator.name)
    if seen and seen.state == "unsupported" and not seen.contrary:
        what = f"{model.name} is unsupported on {accelerator.name} ({seen.source})"
        yield Problem("accelerator", what, "Choose another accelerator.")


def _check_engine(subject: Subject) -> Iterator[Problem]:
    model, runtime, b = subject.model, subject.runtime, subject.behaviour
    since = model.engines.get(runtime.name)
    if since is None:
        known = ", ".join(f"{name} from {version}" for name, version in model.engines.items())
        yield Problem("engine", f"{runtime.name} has no class for {model.name}", f"Use {known}.")
    elif number(b.version) < number(since):
        what = f"{subject.moniker} is older than {since}, the first version with {model.name}"
        yield Problem("engine_version", what, f"Use {since} or newer.")
    accelerator = subject.accelerator
    if runtime.architectures is not None and accelerator.architecture not in runtime.architectures:
        what = f"the images of {subject.moniker} are not built for {accelerator.architecture}"
        yield Problem("engine", what, "Use the engine vllm.")
    elif runtime.precisions is not None:
        loads = runtime.precisions.get(accelerator.vendor, ())
        if model.checkpoint.precision not in loads:
            what = f"{subject.moniker} loads no {model.checkpoint.precision} on {accelerator.name}"
            yield Problem("engine", what, "Use the engine vllm, or another precision.")
    if not b.multi_node and subject.nodes > 1:
        what = f"{subject.moniker} serves from one node, and {subject.nodes} are asked"
        yield Problem("nodes", what, "Use one node, or the engine vllm.")


def _check_cache(wish: Wish, subject: Subject) -> Iterator[Problem]:
    shape, model = subject.model.shape, subject.model
    most = shape.max_context_tokens
    if wish.context_tokens is not None and wish.context_tokens > most:
        what = f"{model.name} ends at {most} tokens, {wish.context_tokens} are asked"
        yield Problem("context_tokens", what, f"Set it to {most} or less.")
    name = CACHE_NAMES[wish.kv_cache_dtype or "auto"]
    if name.endswith("_ds_mla") and not packs_records(shape):
        what = f"{name} is a record of sparse models, and {model.name} is none"
        yield Problem("kv_cache_dtype", what, "Use auto, bf16 or fp8.")
    elif name == "nvfp4_ds_mla":
        if subject.accelerator.architecture != "blackwell":
            what = f"{subject.accelerator.name} has no kernel for {name}"
            yield Problem("kv_cache_dtype", what, "Use auto.")
        elif isinstance(shape.attention, Compressed) and shape.attention.record_layers is None:
            yield Problem("kv_cache_dtype", f"{model.name} has no {name} records", "Use auto.")


def _check_layout(wish: Wish, subject: Subject) -> Iterator[Problem]:
    if wish.gpus % subject.nodes:
        what = f"{wish.gpus} GPUs do not spread evenly over {subject.nodes} nodes"
        yield Problem("nodes", what, "gpus counts those of all nodes together.")
        return
    if wish.expert_parallel and subject.model.shape.experts is None:
        what = f"{subject.model.name} has no experts"
        yield Problem("expert_parallel", what, "Leave it out.")
        return
    tensor, pipeline, data = wish.tensor_parallel, wish.pipeline_parallel, wish.data_parallel or 1
    if tensor and (wrong := list(check_heads(tensor, subject.model))):
        yield from wrong
        return
    said = (tensor or 1) * (pipeline or 1) * data
    whole = None not in (tensor, pipeline)
    if wish.gpus % said or (whole and said != wish.gpus):
        parts = " x ".join(str(n) for n in (tensor, pipeline, wish.data_parallel) if n)
        yield Problem(
            "gpus",
            f"tensor x pipeline x data = {parts} = {said} ranks, and {wish.gpus} GPUs are asked",
            f"gpus counts those of all nodes together: give {said} or a multiple, or change the "
            "split.",
        )
        return
    if not any(candidate_splits(wish, subject)):
        yield from _nearest_split(wish, subject, data)


def _nearest_split(wish: Wish, subject: Subject, data: int) -> Iterator[Problem]:
    """No split agrees: say what is wrong with the one that was meant."""
    rest = wish.gpus // data
    tensor = wish.tensor_parallel or rest // (wish.pipeline_parallel or 1)
    split = Split(
        tensor=tensor,
        pipeline=max(1, rest // tensor),
        data=data,
        expert=bool(wish.expert_parallel),
        context=wish.decode_context_parallel or 1,
    )
    yield from check_split(split, wish, subject)
