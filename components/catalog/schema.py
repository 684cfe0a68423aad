"""The shape of a fact. Absent means "nobody has said", never "no"."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

UNRESOLVED = "unresolved"  # written where nobody could read the value from a source

Precision = Literal["bf16", "fp8"]


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str = Field(min_length=1)


class Accelerator(Fact):
    """One kind of GPU; its file name is its id."""

    name: str
    vendor: Literal["nvidia", "amd"]
    resource: str  # what a pod asks Kubernetes for
    taint_key: str  # the key that keeps other pods off such nodes, by convention
    usable_mib_per_gpu: PositiveInt  # what the device reports, not what its name says
    native_precisions: tuple[Precision, ...] = Field(strict=False)
    # Labels of the vendor's feature discovery; None: nobody could read them from a source.
    node_labels: dict[str, str] | None = None


class Shape(Fact):
    layers: PositiveInt
    hidden_size: PositiveInt
    attention_heads: PositiveInt
    kv_heads: PositiveInt  # 1 where all heads share one latent (MLA)
    max_context_tokens: PositiveInt


class Checkpoint(Fact):
    """What is downloaded and read at start."""

    precision: Precision
    size_bytes: PositiveInt


class Model(Fact):
    """One published model; its file name is its id."""

    name: str
    repository: str
    license: str
    shape: Shape
    checkpoint: Checkpoint
    # Our word for the form of its reasoning; each engine owns its translation.
    reasoning_format: str | None = None


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
