"""Bytes of one cached record, by model and cache type. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.schema import Accelerator, Shape
from ..catalog.shapes import Compressed, Indexer, Latent

# vLLM's words for `--kv-cache-dtype`, and the short forms that people write.
CACHE_NAMES = {
    "auto": "auto",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "bfloat16",
    "float16": "bfloat16",
    "fp8": "fp8",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "fp8_ds_mla": "fp8_ds_mla",
    "nvfp4_ds_mla": "nvfp4_ds_mla",
}

# vLLM v1/attention/backends/mla/indexer.py: 128 FP8 values and one fp32 scale.
INDEX_SCALE_BYTES = 4
# fp8_ds_mla of V3.2: 512 FP8 + 16 of scales + 64 rope values in bf16 (vLLM blog 2025-09-29).
SPARSE_RECORD_BYTES = 656
# nvfp4_ds_mla of V3.2: 256 of pairs, 32 of scales, 64 rope values in one byte.
SPARSE_FP4_RECORD_BYTES = 352
# fp8_ds_mla of V4: 448 FP8 + 64 rope values in bf16 + 8 of scales (models/deepseek_v4/attention.py)
PACKED_RECORD_BYTES = 584
# V4.1 on compute capability 10.0: 512 FP8 + 16 of scales (models/deepseek_v41/attention.py)
PACKED_MXFP8_RECORD_BYTES = 528
PACKED_FP4_RECORD_BYTES = 288  # nvfp4_ds_mla: 256 of pairs and 32 of scales, same file


@dataclass(frozen=True, slots=True)
class CacheType:
    """A `--kv-cache-dtype`, resolved for a model and a device."""

    name: str  # as the engine's flag spells it
    bytes_per_value: int  # of plain rows; packed records have their own sizes
    packed: bool = False  # the records of fp8_ds_mla and nvfp4_ds_mla
    four_bit: bool = False
    mxfp8_records: bool = False  # V4.1 on compute capability 10.0


def packs_records(shape: Shape) -> bool:
    """Whether the cache of this model has packed records: the sparse kinds."""
    a = shape.attention
    return isinstance(a, Compressed) or (isinstance(a, Latent) and a.indexer is not None)


def cache_type(shape: Shape, accelerator: Accelerator, name: str) -> CacheType:
    """Resolve a `--kv-cache-dtype` as the engine does for this model on this device.

    Packed FP8 is the default of sparse kinds; on ROCm V3.2's is bf16 (vllm-project/recipes). V4.1
    has records of its own on compute capability 10.0.
    """
    a, known = shape.attention, CACHE_NAMES[name]
    if packs_records(shape) and known in {"auto", "fp8"}:
        plain = known == "auto" and isinstance(a, Latent) and accelerator.vendor == "amd"
        known = "bfloat16" if plain else "fp8_ds_mla"
    if known in {"auto", "bfloat16"}:
        return CacheType("bfloat16", 2)
    if known == "fp8":
        return CacheType("fp8", 1)
    own_records = isinstance(a, Compressed) and a.record_layers is not None
    return CacheType(
        known,
        1,
        packed=True,
        four_bit=known == "nvfp4_ds_mla",
        mxfp8_records=own_records and accelerator.architecture == "blackwell",
    )


def latent_record_bytes(attention: Latent, kind: CacheType) -> int:
    """Bytes per token and layer of a latent cache: (latent + rope) x bytes, or the packed record.

    One head: whole on every tensor rank. vLLM `MLAAttentionSpec`.
    """
    if kind.packed:
        return SPARSE_FP4_RECORD_BYTES if kind.four_bit else SPARSE_RECORD_BYTES
    return (attention.latent_size + attention.rope_size) * kind.bytes_per_value


def index_record_bytes(indexer: Indexer | None) -> int:
    """Bytes per token and layer of an indexer's key: one byte a value, and its scale."""
    return 0 if indexer is None else indexer.head_size + INDEX_SCALE_BYTES


def packed_record_bytes(attention: Compressed, kind: CacheType, *, window: bool) -> int:
    """Bytes of one V4 record: the packed one, or head size x bytes.

    Windows keep eight bits where the compressed records have four.
    """
    if not kind.packed:
        return attention.head_size * kind.bytes_per_value
    if kind.four_bit and not window:
        return PACKED_FP4_RECORD_BYTES
    return PACKED_MXFP8_RECORD_BYTES if kind.mxfp8_records else PACKED_RECORD_BYTES
