"""Count the parameters of a model from its shape, by who holds them. Pure.

Every count follows the matrices that the engine's own model class creates (vLLM 0.32:
model_executor/models/{llama,qwen2,deepseek_v2}.py, models/deepseek_v4, models/deepseek_v41).
Norms and biases are left out: a few vectors of the hidden size per layer, below one part in 10^4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..catalog.schema import Shape
from ..catalog.shapes import FORMATS, Compressed, Formats, GroupedQuery, Latent

Role = Literal[
    "tensor",  # split over tensor parallel ranks
    "replicated",  # whole on every rank
    "expert",  # split over tensor x data parallel ranks: by columns, or whole experts
    "engram",  # split over all ranks, or in host memory
]
Stored = Literal["linear", "attention", "experts", "engram", "bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One matrix, or some that share a fate."""

    what: str
    parameters: int
    role: Role
    stored: Stored
    most_shards: int | None = None  # a tensor split beyond this repeats the piece


def stored_bytes(piece: Piece, formats: Formats, *, draft: bool = False) -> float:
    """Bytes of a piece: parameters x bytes per parameter of its format, scales included."""
    if piece.stored == "fp32":
        return 4.0 * piece.parameters
    if piece.stored == "bf16":
        return FORMATS["bf16"] * piece.parameters
    chosen = {
        "linear": formats.linear,
        "attention": formats.attention or formats.linear,
        "experts": formats.experts or formats.linear,
        "engram": formats.engram or formats.linear,
    }[piece.stored]
    return FORMATS[(formats.draft if draft else None) or chosen] * piece.parameters


def layer_pieces(shape: Shape, layer: int) -> tuple[Piece, ...]:
    """List the matrices of one layer."""
    return (
        *_attention(shape, layer),
        *_feed_forward(shape, layer),
        *_hyper_connections(shape),
    )


def layer_kinds(shape: Shape, layers: Iterable[int]) -> dict[int, int]:
    """Group layers that have the same matrices: one of each kind → how many."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for layer in layers:
        kinds.setdefault(_kind(shape, layer), []).append(layer)
    return {same[0]: len(same) for same in kinds.values()}


def _kind(shape: Shape, layer: int) -> tuple[object, ...]:
    a, experts = shape.attention, shape.experts
    dense = experts is not None and layer < experts.dense_layers
    if not isinstance(a, Compressed):
        return (dense,)
    kept = (layer in (a.record_layers or ()), layer in (a.index_layers or ()))
    return (dense, a.ratios[layer], *kept)


def embedding_pieces(shape: Shape) -> tuple[Piece, ...]:
    """Vocabulary x hidden, split over tensor ranks; on the first pipeline stage."""
    return (_matrix("embedding", shape.vocabulary_size, shape.hidden_size, "tensor", "bf16"),)


def head_pieces(shape: Shape) -> tuple[Piece, ...]:
    """Vocabulary x hidden on the last pipeline stage; nothing where embeddings are tied."""
    if shape.tied_embeddings:
        return ()
    return (_matrix("head", shape.vocabulary_size, shape.hidden_size, "tensor", "bf16"),)


def engram_pieces(shape: Shape) -> tuple[Piece, ...]:
    if shape.engram is None:
        return ()
    entries = sum(shape.engram.rows) * shape.engram.width
    return (Piece("n-gram tables", entries, "engram", "engram"),)


def vision_pieces(shape: Shape) -> tuple[Piece, ...]:
    """Count a plain transformer: four attention and three feed-forward matrices per layer."""
    if shape.vision is None:
        return ()
    v = shape.vision
    count = v.layers * (4 * v.hidden_size**2 + 3 * v.hidden_size * v.intermediate_size)
    return (Piece("vision", count, "tensor", "bf16"),)


def draft_pieces(shape: Shape) -> tuple[Piece, ...]:
    """Layers for speculative decoding: one like the last, with two hidden x hidden projections."""
    if shape.draft is None:
        return ()
    found: list[Piece] = []
    for _ in range(shape.draft.layers):
        for piece in layer_pieces(shape, shape.layers - 1):
            if piece.role == "expert" and shape.experts is not None:
                scaled = piece.parameters * shape.draft.routed_experts // shape.experts.routed
                found.append(Piece(piece.what, scaled, piece.role, piece.stored))
            elif not piece.what.startswith(("indexer", "compressor")):
                found.append(piece)
        found.append(_matrix("projection", 2 * shape.hidden_size, shape.hidden_size, "replicated"))
        if shape.draft.own_embeddings:
            found += [*embedding_pieces(shape), *head_pieces(shape)]
    return tuple(found)


def all_pieces(shape: Shape) -> Iterator[Piece]:
    """Everything that serves: all layers, both ends, tables and vision; no draft."""
    for layer in range(shape.layers):
        yield from layer_pieces(shape, layer)
    yield from (*embedding_pieces(shape), *head_pieces(shape))
    yield from (*engram_pieces(shape), *vision_pieces(shape))


def total_parameters(shape: Shape) -> int:
    """Parameters of the model without draft layers, as model cards count them."""
    return sum(piece.parameters for piece in all_pieces(shape) if not piece.what.startswith("hc"))


def checkpoint_bytes(shape: Shape, formats: Formats, *, with_draft: bool) -> float:
    """Bytes of the published files, computed from shapes and formats."""
    total = sum(stored_bytes(piece, formats) for piece in all_pieces(shape))
    if with_draft:
        total += sum(stored_bytes(piece, formats, draft=True) for piece in draft_pieces(shape))
    return total


def _matrix(
    what: str, rows: int, columns: int, role: Role = "tensor", stored: Stored = "linear"
) -> Piece:
    return Piece(what, rows * columns, role, stored)


def _attention(shape: Shape, layer: int) -> Iterator[Piece]:
    attention, hidden = shape.attention, shape.hidden_size
    if isinstance(attention, GroupedQuery):
        yield from _grouped(attention, hidden)
    elif isinstance(attention, Latent):
        yield from _latent(attention, hidden)
    else:
        yield from _compressed(attention, hidden, layer)


def _grouped(a: GroupedQuery, hidden: int) -> Iterator[Piece]:
    yield _matrix("query, output", 2 * hidden, a.heads * a.head_size, "tensor", "attention")
    count = 2 * hidden * a.kv_heads * a.head_size
    yield Piece("key, value", count, "tensor", "attention", most_shards=a.kv_heads)


def _latent(a: Latent, hidden: int) -> Iterator[Piece]:
    query_width = a.heads * (a.nope_size + a.rope_size)
    down = a.latent_size + a.rope_size + (a.query_rank or 0)
    yield _matrix("query and latent down", hidden, down, "replicated", "attention")
    yield _matrix("query up", a.query_rank or hidden, query_width, "tensor", "attention")
    up_width = a.heads * (a.nope_size + a.value_size)
    yield _matrix("latent up", a.latent_size, up_width, "tensor", "attention")
    yield _matrix("output", a.heads * a.value_size, hidden, "tensor", "attention")
    if a.indexer is not None:
        query = (a.query_rank or hidden) * a.indexer.heads * a.indexer.head_size
        key = hidden * a.indexer.head_size
        yield Piece("indexer", query + key, "replicated", "attention")
        yield _matrix("indexer weights", hidden, a.indexer.heads, "replicated", "bf16")


def _compressed(a: Compressed, hidden: int, layer: int) -> Iterator[Piece]:
    width, ratio = a.heads * a.head_size, a.ratios[layer]
    down = a.query_rank + a.head_size
    yield _matrix("query and record down", hidden, down, "replicated", "attention")
    yield _matrix("query up", a.query_rank, width, "tensor", "attention")
    yield _matrix("output down", width, a.output_rank, "tensor", "attention")
    yield _matrix("output up", a.output_groups * a.output_rank, hidden, "tensor", "attention")
    if ratio and (a.record_layers is None or layer in a.record_layers):
        # Ratio 4 overlaps its windows: twice the width, for values and for scores.
        copies = 2 * (2 if ratio == OVERLAPPING_RATIO else 1)
        yield _matrix("compressor", hidden, copies * a.head_size, "replicated", "bf16")
    if a.index_layers is None and ratio == OVERLAPPING_RATIO:
        yield from _compressed_indexer(a, hidden)
        copies = 4 * a.indexer.head_size
        yield _matrix("compressor of the indexer", hidden, copies, "replicated", "bf16")
    elif a.index_layers is not None and layer in a.index_layers:
        yield from _compressed_indexer(a, hidden)


# models/deepseek_v4/compressor.py: `self.overlap = compress_ratio == 4`; only those have indexers.
OVERLAPPING_RATIO = 4


def _compressed_indexer(a: Compressed, hidden: int) -> Iterator[Piece]:
    width = a.indexer.heads * a.indexer.head_size
    yield _matrix("indexer", a.query_rank, width, "replicated", "attention")
    yield _matrix("indexer weights", hidden, a.indexer.heads, "replicated", "bf16")


def _feed_forward(shape: Shape, layer: int) -> Iterator[Piece]:
    hidden, experts = shape.hidden_size, shape.experts
    if experts is None or layer < experts.dense_layers:
        yield _matrix("feed-forward", 3 * hidden, shape.intermediate_size or 0)
        return
    yield _matrix("router", hidden, experts.routed, "replicated", "bf16")
    one = 3 * hidden * experts.intermediate_size
    yield Piece("shared experts", experts.shared * one, "tensor", "linear")
    yield Piece("routed experts", experts.routed * one, "expert", "experts")


def _hyper_connections(shape: Shape) -> Iterator[Piece]:
    """Two mixing matrices per layer, (2 + n) n x n hidden in fp32, for n > 1 streams."""
    n = shape.residual_streams
    if n > 1:
        yield Piece("hc mixing", 2 * (2 + n) * n * n * shape.hidden_size, "replicated", "fp32")
