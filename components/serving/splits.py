"""Which splits of a replica are possible, in the order an operator would try them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from ..catalog.schema import Model, Shape
from ..catalog.shapes import Compressed, Format, Formats, GroupedQuery
from ..problems import Problem
from .memory import Split, expert_alignment
from .wish import Subject, Wish

# tensor, pipeline, data, and whether experts are whole: what to try, in order
Share = tuple[int, int, int, list[bool]]

# Rows and columns that share a scale: a slice has to hold whole groups.
SCALE_GROUPS: dict[Format, int] = {
    "fp8-block": 128,
    "fp8-ue8m0": 128,
    "mxfp8-tile": 32,
    "mxfp8": 32,
    "int4-g128": 128,
    "awq-g64": 64,
    "awq-g128": 128,
    "nvfp4": 16,
    "mxfp4": 32,
}


def head_divisor(shape: Shape) -> int:
    """Give the number that a tensor split has to divide: heads, and V4's output groups."""
    a = shape.attention
    return gcd(a.heads, a.output_groups) if isinstance(a, Compressed) else a.heads


def divisors(number: int) -> list[int]:
    return [candidate for candidate in range(1, number + 1) if number % candidate == 0]


def candidate_splits(wish: Wish, subject: Subject) -> Iterator[tuple[Split, str]]:
    """Yield every split worth trying that agrees with the wish and works, and why."""
    shares = _stated(wish, subject) if any(_said(wish)) else _derived(wish, subject)
    for tensor, pipeline, data, whole in shares:
        for expert in whole:
            split = Split(
                tensor=tensor,
                pipeline=pipeline,
                data=data,
                expert=expert,
                context=wish.decode_context_parallel or 1,
            )
            if not any(check_split(split, wish, subject)):
                yield split, _why(split, wish, subject)


def _stated(wish: Wish, subject: Subject) -> list[Share]:
    """All shares that agree with what was said: inside a node first, few stages before many."""
    gpus, per_node = wish.gpus, wish.gpus // subject.nodes
    found = [
        (tensor, gpus // tensor // data, data)
        for tensor in divisors(gpus)
        for data in divisors(gpus // tensor)
        if _agrees(wish, tensor, gpus // tensor // data, data)
    ]
    found.sort(key=lambda share: (share[0] > per_node, share[1]))
    return [(*share, [bool(wish.expert_parallel)]) for share in found]


def _derived(wish: Wish, subject: Subject) -> Iterator[Share]:
    """Give what an operator would try, in this order.

    The widest tensor split inside a node, since its traffic wants those links, and one stage per
    node; tensor parallel across nodes; and for experts behind a latent cache, which a tensor split
    repeats, data parallel ranks with whole experts: each has a cache of its own.
    """
    gpus, per_node = wish.gpus, wish.gpus // subject.nodes
    allowed = tensor_splits(subject.model.shape)
    inside = [tensor for tensor in reversed(divisors(per_node)) if tensor in allowed]
    for tensor in inside:
        choices = _expert_choices(wish, subject, tensor)
        yield tensor, gpus // tensor, 1, choices
        if any(_works(wish, subject, tensor, gpus // tensor, choices)):
            break
    if subject.nodes > 1:
        yield gpus, 1, 1, _expert_choices(wish, subject, gpus)
    repeats = not isinstance(subject.model.shape.attention, GroupedQuery)
    if subject.model.shape.experts and repeats and wish.expert_parallel is not False:
        for tensor in inside:
            if tensor < gpus:
                yield tensor, 1, gpus // tensor, [True]


def _works(
    wish: Wish, subject: Subject, tensor: int, pipeline: int, choices: list[bool]
) -> Iterator[bool]:
    for expert in choices:
        split = Split(tensor=tensor, pipeline=pipeline, expert=expert)
        yield not any(check_split(split, wish, subject))


def _said(wish: Wish) -> tuple[int | None, int | None, int | None]:
    return wish.tensor_parallel, wish.pipeline_parallel, wish.data_parallel


def _expert_choices(wish: Wish, subject: Subject, ways: int) -> list[bool]:
    """Sliced experts, the engine's default; whole ones too where slicing pads or cannot be."""
    experts, formats = subject.model.shape.experts, subject.model.checkpoint.formats
    if wish.expert_parallel is not None or experts is None or ways == 1:
        return [bool(wish.expert_parallel)]
    alignment = expert_alignment(formats.experts or formats.linear, subject.accelerator.vendor)
    group = SCALE_GROUPS.get(formats.experts or formats.linear, 1)
    even = experts.intermediate_size % (ways * max(alignment, group)) == 0
    return [False] if even else [False, True]


def check_split(split: Split, wish: Wish, subject: Subject) -> Iterator[Problem]:
    """Refuse a split that model, engine or device cannot work in."""
    shape = subject.model.shape
    heads = list(check_heads(split.tensor, subject.model))
    yield from heads or _check_slices(split, shape, subject.model.checkpoint.formats)
    if split.pipeline > shape.layers:
        what = f"{shape.layers} layers make no {split.pipeline} stages"
        yield Problem("pipeline_parallel", what, f"Use {shape.layers} or fewer.")
    if not subject.behaviour.multi_node and (split.pipeline, split.data) != (1, 1):
        what = f"{subject.moniker} splits by tensor alone"
        yield Problem("pipeline_parallel", what, "Use one node, or the engine vllm.")
    yield from _check_context_parallel(split, shape)
    if wish.mig_profile is not None and split.gpus > 1:
        yield Problem(
            "mig_profile",
            f"{split.gpus} MIG slices cannot work on one replica: NCCL and peer access do not "
            "reach across slices",
            "Use one slice, or whole GPUs.",
        )


def check_heads(tensor: int, model: Model) -> Iterator[Problem]:
    """Refuse a tensor split that heads, groups of output heads or KV heads do not allow."""
    shape, divisor = model.shape, head_divisor(model.shape)
    fix = f"Use one of {', '.join(map(str, tensor_splits(shape)))}."
    if divisor % tensor:
        what = "attention heads" if divisor == shape.attention.heads else "groups of output heads"
        yield Problem(
            "tensor_parallel",
            f"{divisor} {what} of {model.name} do not split over {tensor} GPUs "
            f"({divisor} / {tensor} = {divisor / tensor:.2f})",
            fix,
        )
    elif tensor not in tensor_splits(shape):
        yield Problem(
            "tensor_parallel",
            f"{shape.kv_heads} key-value heads of {model.name} neither split over {tensor} "
            "GPUs nor repeat evenly on them",
            fix,
        )


def tensor_splits(shape: Shape) -> list[int]:
    """Give every tensor split that the heads allow.

    Each GPU holds some KV heads, or each KV head is repeated on some GPUs; vLLM asserts it.
    """
    kv = shape.kv_heads
    return [n for n in divisors(head_divisor(shape)) if kv % n == 0 or n % kv == 0]


def _agrees(wish: Wish, tensor: int, pipeline: int, data: int) -> bool:
    return (
        wish.tensor_parallel in (None, tensor)
        and wish.pipeline_parallel in (None, pipeline)
        and (wish.data_parallel or 1) == data
    )


def _check_slices(split: Split, shape: Shape, formats: Formats) -> Iterator[Problem]:
    """Refuse slices that do not hold whole groups of scales, as vLLM does."""
    found = []
    if shape.intermediate_size:
        found.append((shape.intermediate_size, formats.linear, split.tensor))
    if shape.experts:
        size = shape.experts.intermediate_size
        ways = 1 if split.expert else split.expert_ways
        found.append((size, formats.experts or formats.linear, ways))
        found += [(size, formats.linear, split.tensor)] if shape.experts.shared else []
    for size, stored, ways in found:
        group = SCALE_GROUPS.get(stored, 1)
        if size % ways or size // ways % group:
            yield Problem(
                "tensor_parallel",
                f"{size} columns over {ways} GPUs are slices of {size / ways:g}, "
                f"and {stored} scales groups of {group}",
                "Use fewer GPUs per slice, or whole experts (expert_parallel).",
            )
            return


def _check_context_parallel(split: Split, shape: Shape) -> Iterator[Problem]:
    """Tokens of a cache can be shared out only over ranks that would repeat it."""
    a = shape.attention
    repeats = split.tensor
    if isinstance(a, GroupedQuery):
        repeats = max(1, split.tensor // a.kv_heads)
    if isinstance(a, Compressed):
        repeats = 1
    if repeats % split.context:
        yield Problem(
            "decode_context_parallel",
            f"{split.tensor} tensor ranks repeat the cache {repeats} times, which "
            f"{split.context} does not divide",
            f"Use one of {', '.join(map(str, divisors(repeats)))}.",
        )


def _why(split: Split, wish: Wish, subject: Subject) -> str:
    per_node = wish.gpus // subject.nodes
    if any(_said(wish)):
        whole = None not in _said(wish)[:2]
        return "as asked" if whole else "as asked, the rest derived"
    if split.gpus == 1:
        return "one GPU"
    if split.data > 1:
        return (
            f"tensor ranks would repeat the cache: {split.data} data parallel ranks have "
            f"{split.data} caches, with whole experts on each GPU"
        )
    if split.tensor > per_node:
        reason = f"tensor parallel across {subject.nodes} nodes, since stages do not fit"
    elif split.tensor == per_node and split.pipeline == subject.nodes:
        inside = f"tensor parallel over the {per_node} GPUs of a node"
        across = f"one stage per node over {subject.nodes} nodes"
        reason = ", ".join([inside] * (per_node > 1) + [across] * (subject.nodes > 1))
    else:
        heads = head_divisor(subject.model.shape)
        reason = f"the widest tensor split of {heads} heads in a node is {split.tensor}"
        reason += f", the other GPUs make {split.pipeline} stages" if split.pipeline > 1 else ""
    whole = split.expert and wish.expert_parallel is None
    return reason + "; whole experts per GPU, since sliced ones do not fit" * whole
