"""How much of each GPU the weights take, and what is left for the cache. Pure.

Units are bytes unless a name says GiB (2^30). Every function names its formula and its source;
"vLLM" means the Python sources of vLLM 0.32.0.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ..catalog.schema import Accelerator, Shape
from ..catalog.shapes import FORMATS, Format, Formats, Latent
from .parameters import (
    Piece,
    embedding_pieces,
    engram_pieces,
    head_pieces,
    layer_kinds,
    layer_pieces,
    stored_bytes,
    vision_pieces,
)

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """How one replica spreads over its GPUs: tensor x pipeline x data."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False  # whole experts on each rank, in place of slices of every expert
    context: int = 1  # tensor ranks that share out the tokens of a latent cache

    @property
    def gpus(self) -> int:
        return self.tensor * self.pipeline * self.data

    @property
    def expert_ways(self) -> int:
        """Ranks over which experts spread: vLLM flattens tensor over data parallel ranks."""
        return self.tensor * self.data

    def __str__(self) -> str:
        parts = [f"TP{self.tensor}"]
        parts += [f"PP{self.pipeline}"] if self.pipeline > 1 else []
        parts += [f"DP{self.data}"] if self.data > 1 else []
        parts += [f"DCP{self.context}"] if self.context > 1 else []
        return " x ".join(parts) + (" with EP" if self.expert else "")


def usable_bytes(accelerator: Accelerator, mig_profile: str | None = None) -> int:
    """Give what the device, or one MIG slice of it, reports as its total; a fact."""
    mib = accelerator.usable_mib_per_gpu
    return (accelerator.mig_mib[mig_profile] if mig_profile else mib) * MIB


def budget_bytes(usable: int, utilization: float) -> int:
    """Give the part of the device that the engine may take: total x utilization.

    vLLM v1/worker/utils.py `request_memory`: of the total, not of what is free.
    """
    return int(usable * utilization)


def stages(layers: int, pipeline: int) -> tuple[range, ...]:
    """Deal the layers out over pipeline stages, as vLLM's distributed/utils.py `get_pp_indices`.

    What does not divide goes to the stages before the last, from the back: 61 over 2 is 31 + 30.
    """
    sizes = [layers // pipeline] * pipeline
    for position in range(2, layers % pipeline + 2):
        sizes[-position] += 1
    starts = [sum(sizes[:position]) for position in range(pipeline + 1)]
    return tuple(range(start, stop) for start, stop in itertools.pairwise(starts))


def expert_alignment(stored: Format, vendor: str) -> int:
    """Columns to which a slice of a packed expert is rounded up before it is loaded.

    vLLM model_executor/layers/fused_moe/oracle/mxfp4.py: 128 for the CUDA backends, 256 on ROCm.
    """
    if stored != "mxfp4":
        return 1
    return 256 if vendor == "amd" else 128


def padded_share(intermediate_size: int, ways: int, alignment: int) -> float:
    """Bytes of a sliced expert over bytes of an even share: 1 where nothing is padded.

    The two fused up-projections are padded to the alignment, the down-projection is not:
    (2 x padded + exact) / (3 x exact). Eight slices of 3072 at 256 give 1.22: 122 GiB of weights
    for V4-Pro, as InferenceX @843c625 and, without ROCm, about as SGLang report.
    """
    exact = intermediate_size / ways
    padded = -(-exact // alignment) * alignment
    return (2 * padded + exact) / (3 * exact)


def expert_bytes(shape: Shape, formats: Formats, piece: Piece, split: Split, vendor: str) -> float:
    """Bytes of the routed experts of one layer on one rank.

    By expert: ceil(experts / ranks) whole ones. By column: every expert's slice, padded.
    """
    if shape.experts is None:
        return 0.0
    whole, routed, ways = stored_bytes(piece, formats), shape.experts.routed, split.expert_ways
    if split.expert:
        return whole / routed * -(-routed // ways)
    alignment = expert_alignment(formats.experts or formats.linear, vendor)
    return whole / ways * padded_share(shape.experts.intermediate_size, ways, alignment)


def rank_bytes(shape: Shape, formats: Formats, piece: Piece, split: Split, vendor: str) -> float:
    """Bytes of one piece on one rank: split, whole, or shared out as experts."""
    if piece.role == "expert":
        return expert_bytes(shape, formats, piece, split, vendor)
    if piece.role == "engram":
        return stored_bytes(piece, formats) / split.expert_ways
    if piece.role == "replicated":
        return stored_bytes(piece, formats)
    return stored_bytes(piece, formats) / min(split.tensor, piece.most_shards or split.tensor)


def absorbed_bytes(shape: Shape, split: Split) -> float:
    """Bytes per layer of the two absorbed latent projections, kept in bf16 beside the stored one.

    heads / TP x (nope + value) x latent x 2; vLLM layers/attention/mla_attention.py,
    `process_weights_after_loading`: W_UK and W_UV.
    """
    a = shape.attention
    if not isinstance(a, Latent):
        return 0.0
    heads = a.heads / split.tensor
    return heads * (a.nope_size + a.value_size) * a.latent_size * FORMATS["bf16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Bytes on one rank of one pipeline stage."""

    split_bytes: float  # what tensor parallelism divides
    expert_bytes: float
    replicated_bytes: float
    absorbed_bytes: float
    engram_bytes: float

    @property
    def total_bytes(self) -> float:
        parts = self.split_bytes + self.expert_bytes + self.replicated_bytes
        return parts + self.absorbed_bytes + self.engram_bytes


def stage_weights(  # noqa: PLR0913  # one argument per thing that moves bytes
    shape: Shape,
    formats: Formats,
    split: Split,
    stage: range,
    *,
    vendor: str,
    absorbs: bool = True,
    engram_on_host: bool = True,
) -> Weights:
    """Add up the weights on one rank of the stage that holds these layers."""
    pieces = [
        (piece, count)
        for layer, count in layer_kinds(shape, stage).items()
        for piece in layer_pieces(shape, layer)
    ]
    ends = [*embedding_pieces(shape), *vision_pieces(shape)] if stage.start == 0 else []
    ends += head_pieces(shape) if stage.stop == shape.layers else ()
    ends += () if engram_on_host else engram_pieces(shape)
    sums = dict.fromkeys(("tensor", "expert", "replicated", "engram"), 0.0)
    for piece, count in [*pieces, *((piece, 1) for piece in ends)]:
        sums[piece.role] += count * rank_bytes(shape, formats, piece, split, vendor)
    return Weights(
        split_bytes=sums["tensor"],
        expert_bytes=sums["expert"],
        replicated_bytes=sums["replicated"],
        absorbed_bytes=absorbed_bytes(shape, split) * len(stage) if absorbs else 0.0,
        engram_bytes=sums["engram"],
    )


def host_bytes_per_node(shape: Shape, formats: Formats, *, engram_on_host: bool) -> float:
    """Pinned host memory of a replica on its node: the n-gram tables, once.

    vLLM `--engram-config`: cpu_offload is the default (183 GiB for V4.1-Flash, its recipe).
    """
    if not engram_on_host:
        return 0.0
    return sum(stored_bytes(piece, formats) for piece in engram_pieces(shape))
