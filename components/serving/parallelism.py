"""How one replica spreads over the GPUs of one node. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..catalog.schema import Model
from ..nodes.plan import PoolPlan
from ..problems import Problem
from .spec import ServerSpec


def tensor_parallel(spec: ServerSpec, model: Model, pool: PoolPlan) -> int:
    """Take what the user says, else the most GPUs of one node that divide the heads evenly."""
    if spec.parallelism is not None:
        return spec.parallelism.tensor
    return max(_possible(model, pool.gpus_per_node))


def check_parallelism(
    where: str, spec: ServerSpec, model: Model, pool: PoolPlan
) -> Iterator[Problem]:
    """Refuse a split that the attention heads or the node do not allow."""
    tensor, heads = tensor_parallel(spec, model, pool), model.shape.attention_heads
    possible = ", ".join(map(str, _possible(model, pool.gpus_per_node)))
    if heads % tensor:
        yield Problem(
            f"{where}.parallelism.tensor",
            f"{heads} attention heads of {model.name} do not split over {tensor} GPUs "
            f"({heads} / {tensor} = {heads / tensor:.2f})",
            f"Use one of {possible}.",
        )
    elif not _splits_kv(model, tensor):
        yield Problem(
            f"{where}.parallelism.tensor",
            f"{model.shape.kv_heads} key-value heads of {model.name} neither split over {tensor} "
            "GPUs nor repeat evenly on them",
            f"Use one of {possible}.",
        )
    if tensor > pool.gpus_per_node:
        yield Problem(
            f"{where}.parallelism.tensor",
            f"a replica on {tensor} GPUs does not fit one node of pool {pool.name}, "
            f"which has {pool.gpus_per_node}",
            f"Use one of {possible}, or a pool with more GPUs in each node.",
        )


def _possible(model: Model, most: int) -> list[int]:
    heads = model.shape.attention_heads
    return [n for n in range(1, most + 1) if heads % n == 0 and _splits_kv(model, n)]


def _splits_kv(model: Model, tensor: int) -> bool:
    """Each GPU holds some KV heads, or each KV head is repeated on some GPUs; vLLM asserts it."""
    heads = model.shape.kv_heads
    return heads % tensor == 0 or tensor % heads == 0
