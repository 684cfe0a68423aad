"""How one version of an engine takes memory, folded from the catalogue's changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..catalog.schema import Accelerator, Runtime, Tier

MIB_PER_GIB = 1024
# vLLM keeps A100s on the smallest tier by name (engine/arg_utils.py `get_batch_defaults`).
SMALLEST_TIER = "ampere"
LONG_CONTEXT_TOKENS = 32 * 1024  # vLLM's V0 engine chunked the prefill of longer ones by default


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """One version; every field is described at `Change` in the catalogue's schema."""

    engine: str
    version: str
    multi_node: bool
    memory_utilization: float
    absorbs_latent_on: tuple[str, ...]
    chunks_prefill: str
    batched_tokens: tuple[Tier, ...]
    sequences: tuple[Tier, ...]
    expert_chunk_tokens: int
    reserves_graphs: bool
    batches_in_flight: int
    index_logits_rows: str

    def chunks(self, context_tokens: int) -> bool:
        """Whether a long prompt is prefilled in pieces of one step."""
        long = context_tokens > LONG_CONTEXT_TOKENS
        return self.chunks_prefill == "always" or (self.chunks_prefill == "long-contexts" and long)

    def absorbs(self, vendor: str) -> bool:
        """Whether a latent cache holds the latent, or K and V of every head."""
        return vendor in self.absorbs_latent_on


def behaviour(runtime: Runtime, version: str | None = None) -> Behaviour:
    """Fold the changes up to `version` (the released one if absent).

    Raises ValueError where the version is older than anything known.
    """
    chosen = version or runtime.released
    known = [change for change in runtime.changes if number(change.since) <= number(chosen)]
    if not known:
        raise ValueError(
            f"nothing is known of {runtime.name} {chosen}; the first known version is "
            f"{runtime.changes[0].since}"
        )
    folded: dict[str, object] = {}
    for change in known:
        stated = change.model_dump(exclude={"since", "source"}, exclude_none=True)
        folded |= {name: getattr(change, name) for name in stated}
    return Behaviour(
        engine=runtime.name,
        version=chosen,
        multi_node=runtime.multi_node,
        **folded,  # type: ignore[arg-type]  # the first change states every field; a test holds it
    )


def number(version: str) -> tuple[int, ...]:
    """Order versions: 0.9.0 before 0.32.0. Raises ValueError on what is no version."""
    return tuple(int(part) for part in version.split("."))


def default_batched_tokens(
    behaviour: Behaviour, accelerator: Accelerator, context_tokens: int, sequences: int
) -> int:
    """Tokens of one step: by size of the device; the whole context where prefill is not chunked.

    vLLM 0.32: never more than sequences x context.
    """
    chosen = _tier(behaviour.batched_tokens, accelerator)
    if not behaviour.chunks(context_tokens):
        chosen = max(chosen, context_tokens)
    return min(chosen, sequences * context_tokens)


def default_sequences(behaviour: Behaviour, accelerator: Accelerator) -> int:
    """Give the requests of one step, by size of the device."""
    return _tier(behaviour.sequences, accelerator)


def _tier(tiers: Sequence[Tier], accelerator: Accelerator) -> int:
    small = accelerator.architecture == SMALLEST_TIER
    size = 0 if small else accelerator.usable_mib_per_gpu // MIB_PER_GIB
    return max((t for t in tiers if t.device_gib <= size), key=lambda t: t.device_gib).tokens
