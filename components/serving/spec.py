"""What a user may say about serving one model."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from ..catalog.load import models
from ..catalog.resolve import model_names
from ..engines import engines
from ..problems import nearest
from ..registry import name_of
from ..spec import Name, Spec


def _known_model(name: str) -> str:
    """Accept every repository too, but list the ids only: a list of both is not read."""
    if name not in model_names():
        known = ", ".join(sorted(models()))
        raise ValueError(f"unknown model {name!r}. {nearest(name, model_names())}Known: {known}")
    return name


class ParallelismSpec(Spec):
    tensor: PositiveInt = Field(description="GPUs over which each layer is split, on one node")


class ServerSpec(Spec):
    model: Annotated[str, AfterValidator(_known_model)] = Field(
        description="what is served: an id of the catalogue, or its Hugging Face repository"
    )
    precision: str | None = Field(
        default=None, description="which checkpoint of the model; its native one if absent"
    )
    engine: Annotated[str, name_of("engine", engines)] = Field(
        description="what serves it: vllm, or the simulator in a rehearsal"
    )
    pool: Name = Field(description="the pool whose GPUs it uses")
    weights: Name | None = Field(default=None, description="where its checkpoint lies")
    replicas: Annotated[PositiveInt, Field(le=1000)] = Field(
        default=1, description="independent copies of the model"
    )
    context_tokens: PositiveInt = Field(
        description="tokens of prompt and answer together that one request may have"
    )
    concurrency: PositiveInt = Field(description="requests that one replica works on at once")
    parallelism: ParallelismSpec | None = Field(
        default=None, description="how a replica spreads over GPUs; derived from the pool if absent"
    )
    accept_marginal: bool = Field(
        default=False,
        description="whether a fit that is closer than the estimate can tell may be deployed",
    )
    extra_args: tuple[str, ...] = Field(
        default=(), strict=False, description="further engine flags, one --flag=value an entry"
    )
