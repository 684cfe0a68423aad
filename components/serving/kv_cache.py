"""What one token, one block and one request take in the cache. Pure.

A cache is a pool of equal blocks. A request claims blocks from each of its groups; models with
one kind of attention have one group, V4 has several (hybrid_cache.py). Bytes are per rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.schema import Shape
from ..catalog.shapes import Compressed, GroupedQuery, Latent
from .hybrid_cache import packed_blocks
from .memory import Split
from .records import CacheType, index_record_bytes, latent_record_bytes

# Tokens in a block. vLLM: 16 for FlashAttention; 64 for FlashMLA and its sparse form, which also
# reproduces the published pool of V3; 256 for V4 (sparse_swa.py).
DENSE_BLOCK_TOKENS = 16
LATENT_BLOCK_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that claim blocks together."""

    block_tokens: int
    window_tokens: int | None = None  # None: every token of the request is kept
    ring: bool = False  # one block for the life of the request
    copies: int = 1  # as many groups of this form


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache of one rank: what a block costs, and who claims blocks."""

    block_bytes: int
    groups: tuple[Group, ...]

    def blocks(self, context_tokens: int, in_flight_tokens: int) -> int:
        """Count the blocks that one request of `context_tokens` may claim at once.

        All tokens: ceil(context / block). A window: ceil(min(window - 1 + in flight, context) /
        block) + 1, since blocks are freed only when a step has settled; vLLM
        v1/kv_cache_interface.py `max_admission_blocks_per_request`.
        """
        return sum(
            group.copies * _claimed(group, context_tokens, in_flight_tokens)
            for group in self.groups
        )

    def request_bytes(self, context_tokens: int, in_flight_tokens: int) -> int:
        """Bytes that one request of `context_tokens` needs: blocks x bytes of a block."""
        return self.blocks(context_tokens, in_flight_tokens) * self.block_bytes

    def tokens(self, pool_bytes: float, context_tokens: int, in_flight_tokens: int) -> int:
        """Count the tokens of a pool the way the engine's log line does; never negative.

        One group: whole blocks x tokens in a block. Several: int(concurrency x context), vLLM
        `get_kv_cache_capacity`, which is no rate: each request also reserves its windows.
        """
        blocks = max(0, int(pool_bytes)) // self.block_bytes
        if len(self.groups) == 1:
            return blocks * self.groups[0].block_tokens
        return int(blocks / self.blocks(context_tokens, in_flight_tokens) * context_tokens)

    def concurrency(self, pool_bytes: float, context_tokens: int, in_flight_tokens: int) -> float:
        """Count the requests of `context_tokens` that the pool holds: blocks / blocks of one."""
        blocks = max(0, int(pool_bytes)) // self.block_bytes
        return blocks / self.blocks(context_tokens, in_flight_tokens)

    def longest(self, pool_bytes: float, concurrency: int, most: int, in_flight_tokens: int) -> int:
        """Find the longest context up to `most` that the pool holds `concurrency` times, or 0."""
        blocks = max(0, int(pool_bytes)) // self.block_bytes // concurrency
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.blocks(middle, in_flight_tokens) <= blocks:
                low = middle
            else:
                high = middle - 1
        return low


def _claimed(group: Group, context_tokens: int, in_flight_tokens: int) -> int:
    if group.ring:
        return 1
    if group.window_tokens is None:
        return -(-context_tokens // group.block_tokens)
    held = min(group.window_tokens - 1 + in_flight_tokens, context_tokens)
    return -(-held // group.block_tokens) + 1


def cache_of(
    shape: Shape, split: Split, stage: range, kind: CacheType, *, absorbed: bool = True
) -> Cache:
    """Describe the cache of one rank of the stage that holds these layers."""
    attention = shape.attention
    if isinstance(attention, Compressed):
        return _hybrid(attention, stage, kind)
    if isinstance(attention, Latent) and absorbed:
        tokens = LATENT_BLOCK_TOKENS * split.context
        per_token = len(stage) * (
            latent_record_bytes(attention, kind) + index_record_bytes(attention.indexer)
        )
        return Cache(per_token * LATENT_BLOCK_TOKENS, (Group(tokens),))
    per_token = len(stage) * token_bytes(attention, split, kind)
    return Cache(per_token * DENSE_BLOCK_TOKENS, (Group(DENSE_BLOCK_TOKENS * split.context),))


def token_bytes(attention: GroupedQuery | Latent, split: Split, kind: CacheType) -> int:
    """Bytes per token and layer of keys and values that each head keeps for itself.

    2 x max(1, kv heads / TP) x head size x bytes: beyond one head per rank, ranks repeat heads.
    A latent model without absorption keeps K and V of every head, V padded to K's width (TGI
    flash_deepseek_v3_modeling.py; vLLM before 0.7.1): 2 x heads / TP x max(nope + rope, value).
    """
    if isinstance(attention, GroupedQuery):
        heads = max(1, attention.kv_heads // split.tensor)
        return 2 * heads * attention.head_size * kind.bytes_per_value
    width = max(attention.nope_size + attention.rope_size, attention.value_size)
    return 2 * (attention.heads // split.tensor) * width * kind.bytes_per_value


def _hybrid(attention: Compressed, stage: range, kind: CacheType) -> Cache:
    block_bytes, claims = packed_blocks(attention, stage, kind)
    return Cache(
        block_bytes,
        tuple(
            Group(c.block_tokens, window_tokens=c.window_tokens, ring=c.ring, copies=c.groups)
            for c in claims
        ),
    )
