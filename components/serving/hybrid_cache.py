"""How vLLM packs V4's five kinds of cache into blocks of one size. Pure.

Layers fall into buckets: compressed records with their index keys (all tokens), windows, and the
state of the compressors (windows or rings). Buckets are split into groups so that all groups fit
one block, whose size is that of the widest. Source: v1/core/kv_cache_utils.py of vLLM 0.32.0,
`_get_packed_kv_cache_groups` and `_get_kv_cache_bytes_per_block`; page sizes from
models/deepseek_v4/{attention,compressor}.py, models/deepseek_v41 and v1/.../sparse_swa.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..catalog.shapes import Compressed
from .records import CacheType, index_record_bytes, packed_record_bytes

BLOCK_TOKENS = 256  # of the compressed records
WINDOW_BLOCK_TOKENS = 64
# Tokens in a block of compressor state, so that its page is near a window's: by ratio.
STATE_BLOCK_TOKENS = {4: 4, 128: 8}
RING_BLOCK_TOKENS = 8
STATE_BYTES = 4  # fp32
OVERLAPPING_RATIO = 4  # keeps two windows of state, and has an indexer
PACKED_ALIGNMENT, PLAIN_ALIGNMENT = 576, 512  # TMA strides of the kernels


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request claims for one bucket: blocks of so many tokens, in so many groups."""

    groups: int
    block_tokens: int
    window_tokens: int | None = None
    ring: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    pages: tuple[int, ...]  # one page per layer, in bytes
    block_tokens: int
    window_tokens: int | None = None
    ring: bool = False

    @property
    def counts(self) -> Counter[int]:
        return Counter(self.pages)

    @property
    def balanced(self) -> bool:
        """Whether its page sizes repeat as one pattern."""
        return len(set(self.counts.values())) == 1

    @property
    def repeats(self) -> int:
        return max(self.counts.values())

    def widest(self, groups: int) -> int:
        """Bytes of the widest of the groups that it is dealt out into."""
        return sum(-(-count // groups) * page for page, count in self.counts.items())


def packed_blocks(
    attention: Compressed, stage: range, kind: CacheType
) -> tuple[int, tuple[Claim, ...]]:
    """Give the bytes of a block and every bucket's claim, for the layers of one stage."""
    buckets = [bucket for bucket in _buckets(attention, stage, kind) if bucket.pages]
    groups = _group_counts(buckets)
    block = max(b.widest(n) for b, n in zip(buckets, groups, strict=True))
    claims = tuple(
        Claim(n, b.block_tokens, b.window_tokens, b.ring)
        for b, n in zip(buckets, groups, strict=True)
    )
    return block, claims


def _buckets(attention: Compressed, stage: range, kind: CacheType) -> list[Bucket]:
    align = PACKED_ALIGNMENT if kind.packed and not kind.mxfp8_records else PLAIN_ALIGNMENT
    record = packed_record_bytes(attention, kind, window=False)
    window_record = packed_record_bytes(attention, kind, window=True)
    index = index_record_bytes(attention.indexer)
    kept = [layer for layer in stage if _keeps_records(attention, layer)]
    pages: list[int] = []
    for layer in kept:
        ratio = attention.ratios[layer]
        records = BLOCK_TOKENS // ratio
        pages.append(_aligned(records * record, align))
        if attention.record_layers is not None or ratio == OVERLAPPING_RATIO:
            pages.append(_aligned(records * index, align))
    window_page = _aligned(WINDOW_BLOCK_TOKENS * window_record, align)
    windows = Bucket((window_page,) * len(stage), WINDOW_BLOCK_TOKENS, attention.window_tokens)
    states = _rings(attention, kept) if attention.record_layers else _states(attention, kept, align)
    return [windows, *states, Bucket(tuple(pages), BLOCK_TOKENS)]


def _keeps_records(attention: Compressed, layer: int) -> bool:
    if attention.record_layers is not None:
        return layer in attention.record_layers
    return attention.ratios[layer] > 0


def _states(attention: Compressed, kept: list[int], align: int) -> list[Bucket]:
    """Raw keys and scores of the tokens not yet compressed: two vectors per token, fp32.

    A ratio of 4 looks back one group more, so it keeps twice the width over twice the window,
    and its indexer keeps the same of its own.
    """
    found = []
    for ratio, tokens in STATE_BLOCK_TOKENS.items():
        copies = 2 if ratio == OVERLAPPING_RATIO else 1
        pages: list[int] = []
        for _ in (layer for layer in kept if attention.ratios[layer] == ratio):
            widths = [attention.head_size]
            widths += [attention.indexer.head_size] if ratio == OVERLAPPING_RATIO else []
            pages += [_aligned(tokens * 2 * copies * w * STATE_BYTES, align) for w in widths]
        found.append(Bucket(tuple(pages), tokens, copies * ratio))
    return found


def _rings(attention: Compressed, kept: list[int]) -> list[Bucket]:
    """V4.1: the open group of each compressing layer, one block per request."""
    page = RING_BLOCK_TOKENS * 2 * attention.head_size * STATE_BYTES
    rings = sum(attention.ratios[layer] > 1 for layer in kept)
    return [Bucket((page,) * rings, RING_BLOCK_TOKENS, ring=True)]


def _group_counts(buckets: list[Bucket]) -> list[int]:
    """Into how many groups each bucket is dealt out.

    Balanced buckets that mix page sizes stay whole and set the repeats per group; where there is
    none, state buckets are cut to what the widest other bucket already needs.
    """
    floor = max((b.repeats for b in buckets if b.balanced and len(b.counts) > 1), default=0)
    if floor:
        per_group = _least_padding([b.repeats for b in buckets if b.balanced], floor)
        return [-(-b.repeats // per_group) if b.balanced else 1 for b in buckets]
    states = [b.ring or b.window_tokens is not None for b in buckets]
    anchor = max(
        b.widest(len(b.pages) if state else 1) for b, state in zip(buckets, states, strict=True)
    )
    return [
        -(-len(b.pages) // max(anchor // b.pages[0], 1)) if state else 1
        for b, state in zip(buckets, states, strict=True)
    ]


def _least_padding(counts: list[int], floor: int) -> int:
    """Find the group size from `floor` up with the least padding; the larger of equals."""
    sizes = range(floor, max(*counts, floor) + 1)
    return min(sizes, key=lambda size: (sum(-count % size for count in counts), -size))


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
