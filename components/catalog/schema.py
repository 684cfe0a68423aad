"""The shape of a fact. Absent means "nobody has said", never "no"."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from .shapes import Attention, Draft, Engram, Experts, Formats, GroupedQuery, Vision

UNRESOLVED = "unresolved"  # written where nobody could read the value from a source

Precision = Literal["bf16", "fp8", "int8", "awq-int4", "w4a16", "w4a8", "nvfp4", "mxfp4", "fp4-fp8"]

Precisions = Annotated[tuple[Precision, ...], Field(strict=False)]


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str = Field(min_length=1)


class Accelerator(Fact):
    """One kind of GPU; its file name is its id."""

    name: str
    vendor: Literal["nvidia", "amd", "intel"]
    architecture: Literal["ampere", "ada", "hopper", "blackwell", "cdna3", "cdna4", "gaudi2"]
    resource: str  # what a pod asks Kubernetes for
    taint_key: str  # the key that keeps other pods off such nodes, by convention
    usable_mib_per_gpu: PositiveInt  # what the device reports, not what its name says
    gpus_per_node: PositiveInt = 8  # how many share a node's links where it is usually sold
    native_precisions: Precisions
    # Labels of the vendor's feature discovery; None: nobody could read them from a source.
    node_labels: dict[str, str] | None = None
    mig_mib: dict[str, PositiveInt] = Field(default_factory=dict)  # profile → what a slice reports
    refused: str | None = None  # why no engine of ours runs here


class Evidence(Fact):
    """What somebody has seen of a checkpoint on an accelerator. No entry: nobody has said."""

    state: Literal["verified", "unsupported"]
    contrary: str | None = None  # who runs it all the same: then the refusal is a warning


class Shape(Fact):
    layers: PositiveInt
    hidden_size: PositiveInt
    vocabulary_size: PositiveInt
    max_context_tokens: PositiveInt
    tied_embeddings: bool = False
    attention: Attention
    intermediate_size: PositiveInt | None = None  # of the layers without experts
    experts: Experts | None = None
    residual_streams: PositiveInt = 1  # hyper-connections carry several copies of the stream
    draft: Draft | None = None
    engram: Engram | None = None
    vision: Vision | None = None

    @property
    def attention_heads(self) -> int:
        return self.attention.heads

    @property
    def kv_heads(self) -> int:
        """Heads of the cache; 1 where all heads share one latent."""
        return self.attention.kv_heads if isinstance(self.attention, GroupedQuery) else 1


class Checkpoint(Fact):
    """What is downloaded and read at start."""

    precision: Precision
    repository: str
    size_bytes: PositiveInt
    # "published": somebody read the bytes; "derived": nobody has, computed from the shapes.
    size_origin: Literal["published", "derived"]
    formats: Formats
    also: tuple[str, ...] = Field(default=(), strict=False)  # repositories of the same form
    has_draft: bool = True  # the draft layers, where the shape has some, are in its files
    evidence: dict[str, Evidence] = Field(default_factory=dict)  # accelerator → what was seen


class Model(Fact):
    """One published model; its file name is its id."""

    name: str
    license: str
    shape: Shape
    native: Precision  # the precision it is published in
    checkpoints: dict[Precision, Checkpoint] = Field(min_length=1)
    # Our word for the form of its reasoning; each engine owns its translation.
    reasoning_format: str | None = None
    # The first version of each engine that has a class for it; absent: the engine has none.
    engines: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _name_precisions(cls, fields: object) -> object:
        """Take the key of a checkpoint as its precision: written once."""
        if isinstance(fields, dict) and isinstance(fields.get("checkpoints"), dict):
            named = {
                key: {"precision": key, **entry} if isinstance(entry, dict) else entry
                for key, entry in fields["checkpoints"].items()
            }
            return {**fields, "checkpoints": named}
        return fields

    @model_validator(mode="after")
    def _has_its_native_checkpoint(self) -> Self:
        if self.native not in self.checkpoints:
            raise ValueError(f"native is {self.native}, and checkpoints has no such entry")
        return self

    @property
    def checkpoint(self) -> Checkpoint:
        return self.checkpoints[self.native]

    @property
    def repository(self) -> str:
        return self.checkpoint.repository

    def in_precision(self, precision: Precision | None) -> Model:
        """Give the same model in another of its precisions, which becomes the one it is about."""
        return self if precision is None else self.model_copy(update={"native": precision})

    def in_repository(self, repository: str) -> Model:
        """Give the same model with the checkpoint of its precision read from `repository`."""
        moved = self.checkpoint.model_copy(update={"repository": repository})
        return self.model_copy(update={"checkpoints": {**self.checkpoints, self.native: moved}})


class Image(Fact):
    """One container image of `images.lock.yaml`."""

    name: str
    repository: str
    tag: str
    digest: str = Field(pattern=rf"^(sha256:[0-9a-f]{{64}}|{UNRESOLVED})$")
    date: str  # when tag and digest were read

    @property
    def reference(self) -> str:
        """What a pod pulls: by digest where it is known, else by tag."""
        named = f"{self.repository}:{self.tag}"
        return named if self.digest == UNRESOLVED else f"{named}@{self.digest}"


class Tier(BaseModel):
    """A default that depends on the size of the device."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    device_gib: int = Field(ge=0)  # from this size on
    tokens: PositiveInt


class Change(Fact):
    """What an engine does differently from a version on. Absent: as before."""

    since: str
    memory_utilization: float | None = None
    absorbs_latent_on: tuple[Literal["nvidia", "amd"], ...] | None = Field(
        default=None, strict=False
    )
    chunks_prefill: Literal["never", "long-contexts", "always"] | None = None
    batched_tokens: tuple[Tier, ...] | None = Field(default=None, strict=False)
    sequences: tuple[Tier, ...] | None = Field(default=None, strict=False)
    expert_chunk_tokens: NonNegativeInt | None = None  # 0: experts see the whole batch at once
    reserves_graphs: bool | None = None
    batches_in_flight: PositiveInt | None = None
    index_logits_rows: Literal["batched-tokens", "sequences"] | None = None


class Runtime(Fact):
    """One serving engine's memory behaviour, version by version."""

    name: str
    released: str  # the version that our images have
    multi_node: bool  # whether one replica may span nodes and pipeline stages
    # Where its images run, and what they load there; None: everything the catalogue has.
    architectures: tuple[str, ...] | None = Field(default=None, strict=False)
    precisions: dict[str, Precisions] | None = None
    changes: tuple[Change, ...] = Field(min_length=1, strict=False)
