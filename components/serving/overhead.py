"""What an engine takes of a GPU beside weights and cache. Pure; bytes unless a name says GiB.

overhead = runtime + activations + workspaces + graphs. Activations and workspaces are counted from
the tensors that the engine allocates (vLLM 0.32.0). Runtime and graphs are medians of published
observations (operations/observations.csv; `blueprint fit --calibrate` and a test recompute them).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.schema import Shape
from ..catalog.shapes import Compressed, GroupedQuery, Latent
from .memory import GIB, MIB, Split
from .records import index_record_bytes
from .runtime import Behaviour

# Driver context, libraries, allocator slack: what the other terms leave over. Medians of the
# residuals of operations/observations.csv; operations/calibration.py computes them.
RUNTIME_GIB_ONE_GPU = 1.0
RUNTIME_GIB_SEVERAL_GPUS = 5.1  # with NCCL and symmetric memory
# Median of the engines' own "Estimated CUDA graph memory" lines in the same file.
GRAPHS_GIB = 0.58

BF16_BYTES, FP32_BYTES = 2, 4
# Live copies of the residual stream: input, output and one temporary. With hyper-connections two
# in bf16 and their fp32 mixtures.
RESIDUAL_BYTES, MIXED_RESIDUAL_BYTES = 3 * BF16_BYTES, 2 * BF16_BYTES + 2 * FP32_BYTES
# fp32 logits, their softmax and a sorted copy (v1/sample).
SAMPLER_BYTES = 3 * FP32_BYTES
# VLLM_SPARSE_INDEXER_MAX_LOGITS_MB, vllm/envs.py
INDEX_LOGITS_BYTES = 512 * MIB
# v1/attention/backends/mla/indexer.py: 576 x 2 // 132 entries for each of `factor` contexts;
# config/vllm.py: 5 contexts up to 256 Ki tokens, then 2.
GATHER_ENTRIES, GATHER_CONTEXTS, GATHER_CONTEXTS_LONG, LONG_CONTEXT = 8, 5, 2, 256 * 1024
PREFILL_CHUNKS = 4  # models/deepseek_v4/attention.py PREFILL_CHUNK_SIZE
# mla_attention.py `determine_chunked_prefill_workspace_size`: 8 contexts, at most 64 Ki tokens.
LATENT_CHUNK_CONTEXTS, LATENT_CHUNK_TOKENS = 8, 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What the engine is sized for."""

    context_tokens: int
    batched_tokens: int  # tokens of one step
    sequences: int  # requests of one step
    graphs: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Overhead:
    runtime_bytes: float
    activation_bytes: float
    workspace_bytes: float
    graph_bytes: float

    @property
    def total_bytes(self) -> float:
        parts = self.runtime_bytes + self.activation_bytes
        return parts + self.workspace_bytes + self.graph_bytes


def overhead(shape: Shape, split: Split, load: Load, behaviour: Behaviour, vendor: str) -> Overhead:
    """Add up what one rank takes beside weights and cache."""
    several = split.gpus > 1
    reserved = load.graphs and behaviour.reserves_graphs
    return Overhead(
        runtime_bytes=(RUNTIME_GIB_SEVERAL_GPUS if several else RUNTIME_GIB_ONE_GPU) * GIB,
        activation_bytes=activation_bytes(shape, split, load, behaviour.expert_chunk_tokens),
        workspace_bytes=workspace_bytes(shape, split, load, behaviour, vendor),
        graph_bytes=GRAPHS_GIB * GIB if reserved else 0.0,
    )


def activation_bytes(shape: Shape, split: Split, load: Load, expert_chunk_tokens: int) -> float:
    """Peak of a full step: the larger of its forward pass and its sampler.

    forward = tokens x (residual + attention) + feed-forward; sampler = requests x vocabulary x 12.
    """
    tokens = load.batched_tokens
    width = MIXED_RESIDUAL_BYTES if shape.residual_streams > 1 else RESIDUAL_BYTES
    residual = tokens * shape.residual_streams * shape.hidden_size * width
    forward = residual + tokens * _attention_bytes_per_token(shape, split)
    forward += _feed_forward_bytes(shape, split, tokens, expert_chunk_tokens)
    return max(forward, load.sequences * shape.vocabulary_size * SAMPLER_BYTES)


def _attention_bytes_per_token(shape: Shape, split: Split) -> float:
    """Add queries, keys, values and outputs of the heads of one rank, in bf16.

    Sparse latent attention is always absorbed: queries and outputs also in the latent's width.
    V4 pads its queries: three vectors per head.
    """
    a = shape.attention
    if isinstance(a, GroupedQuery):
        kv_heads = max(1, a.kv_heads / split.tensor)
        return 2 * (a.heads / split.tensor + kv_heads) * a.head_size * BF16_BYTES
    heads = a.heads / split.tensor
    if isinstance(a, Compressed):
        return 3 * heads * a.head_size * BF16_BYTES
    query = a.nope_size + a.rope_size
    if a.indexer is None:
        return heads * 2 * (query + a.value_size) * BF16_BYTES
    return heads * (query + 2 * a.latent_size + a.rope_size + a.value_size) * BF16_BYTES


def _feed_forward_bytes(shape: Shape, split: Split, tokens: int, chunk: int) -> float:
    """Intermediates of the widest layer, in bf16.

    Dense: 3 x intermediate / TP per token. Experts: two workspaces of tokens x top-k rows, as wide
    as the wider of hidden size and (twice) the intermediate (experts/triton_moe.py). Data parallel
    ranks see each other's tokens: the default all-to-all gathers them.
    """
    dense = 3 * (shape.intermediate_size or 0) / split.tensor * tokens * BF16_BYTES
    experts = shape.experts
    if experts is None:
        return dense
    seen = tokens * split.data
    seen = min(seen, chunk) if chunk else seen
    inner = experts.intermediate_size / (1 if split.expert else split.expert_ways)
    width = max(inner, shape.hidden_size) + max(2 * inner, shape.hidden_size)
    return max(dense, seen * experts.per_token * width * BF16_BYTES)


def workspace_bytes(
    shape: Shape, split: Split, load: Load, behaviour: Behaviour, vendor: str
) -> float:
    """Buffers that live as long as the engine, for the attention kinds that have some.

    Sparse kinds share one buffer (worker/workspace.py), as large as the largest that is asked for,
    and reserve the indexer's logits beside it.
    """
    a = shape.attention
    if isinstance(a, GroupedQuery) or not behaviour.absorbs(vendor):
        return 0.0
    if isinstance(a, Latent) and a.indexer is None:
        return _chunk_bytes(a, split, load) if behaviour.chunks(load.context_tokens) else 0.0
    ratio = 1 if isinstance(a, Latent) else min(r for r in a.ratios if r)
    entries = load.context_tokens // ratio
    contexts = GATHER_CONTEXTS if load.context_tokens <= LONG_CONTEXT else GATHER_CONTEXTS_LONG
    shared = [GATHER_ENTRIES * contexts * entries * index_record_bytes(a.indexer)]
    if isinstance(a, Latent):
        width = a.latent_size + a.rope_size
        shared.append(contexts * load.context_tokens * width * BF16_BYTES)
    else:
        rows = entries + a.window_tokens + load.batched_tokens
        shared.append(PREFILL_CHUNKS * rows * a.head_size * BF16_BYTES)
    if vendor == "amd":
        # rocm_aiter_mla_sparse.py: one fp32 logit per row and entry, for every row of a step.
        rows = load.batched_tokens
        if behaviour.index_logits_rows == "sequences":
            rows = min(rows, load.sequences)
        shared.append(rows * entries * FP32_BYTES)
    return INDEX_LOGITS_BYTES + max(shared)


def _chunk_bytes(a: Latent, split: Split, load: Load) -> float:
    """One chunk of cached context, gathered and projected up to keys and values."""
    tokens = min(LATENT_CHUNK_CONTEXTS * load.context_tokens, LATENT_CHUNK_TOKENS)
    up = a.heads / split.tensor * (a.nope_size + a.value_size)
    return tokens * (a.latent_size + a.rope_size + up) * BF16_BYTES
