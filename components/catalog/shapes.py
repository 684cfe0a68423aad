"""The shape of a model: enough to compute its bytes, its cache and its divisibility."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class GroupedQuery(Part):
    """Heads that share keys and values: MHA (kv_heads = heads), GQA, MQA (kv_heads = 1)."""

    kind: Literal["gqa"]
    heads: PositiveInt
    kv_heads: PositiveInt
    head_size: PositiveInt


class Indexer(Part):
    """The small attention that chooses which tokens the large one reads."""

    heads: PositiveInt
    head_size: PositiveInt
    top_k: PositiveInt


class Latent(Part):
    """MLA: one latent vector per token for all heads; with an indexer, V3.2's sparse form."""

    kind: Literal["mla"]
    heads: PositiveInt
    query_rank: PositiveInt | None  # None: queries come straight from the hidden state
    latent_size: PositiveInt
    rope_size: PositiveInt
    nope_size: PositiveInt
    value_size: PositiveInt
    indexer: Indexer | None = None


class Compressed(Part):
    """V4: a sliding window in every layer, and one record per `ratio` tokens beside it."""

    kind: Literal["compressed"]
    heads: PositiveInt
    head_size: PositiveInt
    rope_size: PositiveInt
    query_rank: PositiveInt
    output_rank: PositiveInt
    output_groups: PositiveInt
    window_tokens: PositiveInt
    ratios: tuple[NonNegativeInt, ...] = Field(strict=False)  # one per layer; 0: window only
    # Layers that keep records and indexers; None: every layer with a ratio has its own.
    record_layers: tuple[NonNegativeInt, ...] | None = Field(default=None, strict=False)
    index_layers: tuple[NonNegativeInt, ...] | None = Field(default=None, strict=False)
    indexer: Indexer


Attention = Annotated[GroupedQuery | Latent | Compressed, Field(discriminator="kind")]


class Experts(Part):
    routed: PositiveInt
    shared: NonNegativeInt
    per_token: PositiveInt
    intermediate_size: PositiveInt
    dense_layers: NonNegativeInt = 0  # the first layers, which have one MLP instead
    hash_layers: NonNegativeInt = 0  # the first layers, routed by a table over the vocabulary


class Draft(Part):
    """Layers for speculative decoding: in the checkpoint, not loaded unless it is asked for."""

    layers: PositiveInt
    routed_experts: PositiveInt  # in each of them
    own_embeddings: bool  # the checkpoint repeats embedding and head for them


class Engram(Part):
    """Hash tables of n-grams, looked up and not multiplied: pinned host memory by default."""

    rows: tuple[PositiveInt, ...] = Field(strict=False)  # one table per layer that has one
    width: PositiveInt


class Vision(Part):
    layers: PositiveInt
    hidden_size: PositiveInt
    intermediate_size: PositiveInt


# Bytes per parameter, block scales included.
FORMATS: dict[str, float] = {
    "bf16": 2.0,
    "fp8-block": 1 + 4 / 128**2,  # one fp32 scale per 128 x 128 (config.json of DeepSeek-V3)
    "fp8-ue8m0": 1 + 1 / 128**2,  # one byte per 128 x 128 (scale_fmt ue8m0, V3.1 and V4)
    "fp8-channel": 1.0,  # one scale per output row: compressed-tensors FP8-dynamic
    "mxfp8-tile": 1 + 1 / 32**2,  # one byte per 32 x 32 (weight_block_size of V4.1-Flash)
    "mxfp8": 1 + 1 / 32,  # one byte per 32
    "int8": 1.0,
    "int4-g128": 0.5 + 2 / 128,  # symmetric, one 16-bit scale per 128: compressed-tensors w4a16
    "awq-g64": 0.5 + 2 / 64 + 0.5 / 64,  # a 16-bit scale and a 4-bit zero point per 64
    "awq-g128": 0.5 + 2 / 128 + 0.5 / 128,
    "nvfp4": 0.5 + 1 / 16,  # one e4m3 scale per 16
    "mxfp4": 0.5 + 1 / 32,  # one ue8m0 scale per 32
}
Format = Literal[
    "bf16",
    "fp8-block",
    "fp8-ue8m0",
    "fp8-channel",
    "mxfp8-tile",
    "mxfp8",
    "int8",
    "int4-g128",
    "awq-g64",
    "awq-g128",
    "nvfp4",
    "mxfp4",
]


class Formats(Part):
    """How the matrices of a checkpoint are stored; embeddings, norms and routers stay bf16."""

    experts: Format | None = None  # None: as `linear`
    linear: Format
    attention: Format | None = None  # None: as `linear`
    draft: Format | None = None  # None: as the layer it imitates
    engram: Format | None = None
