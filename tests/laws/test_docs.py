"""Law: what a user may say is documented, in the words of the spec itself."""

from __future__ import annotations

import types
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from components.blueprint.spec import BlueprintSpec

PAGE = "docs/reference/spec.md"


def described(model, prefix=""):
    """Every field of every model below: path as the page writes it → its description."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field.description
        for path, below in _models(field.annotation, f"{prefix}{name}"):
            yield from described(below, f"{path}.")


def _models(kind, path):
    if get_origin(kind) is dict:
        yield from _models(get_args(kind)[1], f"{path}.<name>")
    elif get_origin(kind) in {Annotated, Union, types.UnionType}:
        for option in get_args(kind):
            yield from _models(option, path)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield path, kind


FIELDS = list(described(BlueprintSpec))


def test_every_field_says_what_it_is_for():
    assert [path for path, description in FIELDS if not description] == []


def test_every_field_stands_in_the_reference_with_its_description(root):
    page = (root / PAGE).read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    missing = [
        path
        for path, description in FIELDS
        if not any(f"`{path}`" in row and str(description) in row for row in rows)
    ]
    assert missing == [], "run `make docs`"
