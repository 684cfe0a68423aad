"""What every spec model shares: frozen, strict, closed, and names that Kubernetes accepts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# A DNS label, short enough that `-pods` and a StatefulSet's ordinal still fit into 63 characters.
NAME = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
DNS_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
LABEL_KEY = rf"^({DNS_LABEL}(\.{DNS_LABEL})*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
OBJECT_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
# What a pattern means, for people.
FORMS = {
    NAME: "1 to 40 lower-case letters, digits and hyphens, beginning with a letter",
    OBJECT_NAME: "the name of a Kubernetes object: lower-case letters, digits, '-' and '.'",
    LABEL_KEY: "a Kubernetes label key: [prefix/]name, the name at most 63 characters",
    LABEL_VALUE: "a Kubernetes label value: at most 63 letters, digits, '-', '_' and '.'",
}

Name = Annotated[str, Field(pattern=NAME)]  # of something of ours
ObjectName = Annotated[str, Field(pattern=OBJECT_NAME)]  # of something that exists already
LabelKey = Annotated[str, Field(pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]


class Spec(BaseModel):
    """Shape, ranges and references by name; whether it can work is the plan's question."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
