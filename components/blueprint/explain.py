"""Turn pydantic's findings into advice: where in the user's words, what, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..problems import Problem, nearest
from ..spec import FORMS
from .spec import BlueprintSpec

Schema = Mapping[str, Any]


@cache
def json_schema() -> dict[str, Any]:
    """Describe the spec for editors and for the messages below."""
    return BlueprintSpec.model_json_schema()


def explain(error: ValidationError, data: object) -> Iterator[Problem]:
    """Yield one problem per finding of `error` about `data`."""
    for details in error.errors():
        path = _user_path(details["loc"], data)
        yield _advise(details, path, _schema_at(path, data))


def _user_path(location: Sequence[int | str], data: object) -> list[int | str]:
    """Drop what pydantic adds to a location: the tag of a union, the marker of a key."""
    path: list[int | str] = []
    for element in location[:-1]:
        if _has(data, element):
            path.append(element)
            data = data[element]  # type: ignore[index]  # _has just looked it up
    return path if location[-1:] == ("[key]",) else [*path, *location[-1:]]


def _has(data: object, element: int | str) -> bool:
    if isinstance(data, dict):
        return element in data
    return isinstance(data, list | tuple) and isinstance(element, int) and element < len(data)


def _advise(details: ErrorDetails, path: Sequence[int | str], schema: Schema) -> Problem:
    where, last = ".".join(map(str, path)), str(path[-1]) if path else ""
    if details["type"] == "extra_forbidden":
        parent = list(schema.get("properties", {}))
        fix = f"{nearest(last, parent)}Known keys here: {', '.join(parent)}."
        return Problem(where, f"unknown key {last!r}", fix)
    meant = schema.get("description")
    fix = f"{last}: {meant}." if meant else "See docs/reference/spec.md."
    if details["type"] == "missing":
        return Problem(where, "required, and absent", f"Set {fix}")
    if details["type"] == "string_pattern_mismatch":
        pattern = details["ctx"]["pattern"]
        fix = f"Write {FORMS.get(pattern, f'something that matches {pattern}')}."
        return Problem(where, f"{details['input']!r} has the wrong form", fix)
    message = details["msg"].removeprefix("Value error, ")
    if message.startswith("unknown "):  # registry.known has said what is known
        what, _, fix = message.partition(". ")
        return Problem(where, what, f"{fix}.")
    return Problem(where, message[:1].lower() + message[1:], fix)


def _schema_at(path: Sequence[int | str], data: object) -> Schema:
    """Find the schema of the value at `path`; of its parent where the last key is unknown."""
    root = json_schema()
    schema = _resolve(root, root, data)
    for element in path:
        data = data[element] if _has(data, element) else None  # type: ignore[index]
        child = _child(schema, element)
        if child is None:
            return schema
        schema = {**_resolve(child, root, data), **_described(child)}
    return schema


def _described(schema: Schema) -> Schema:
    return {"description": schema["description"]} if "description" in schema else {}


def _child(schema: Schema, element: int | str) -> Schema | None:
    if isinstance(element, int):
        items: Schema | None = schema.get("items")
        return items
    found: Schema | None = schema.get("properties", {}).get(element)
    patterns = list(schema.get("patternProperties", {}).values())
    rest = schema.get("additionalProperties")
    return found or (patterns[0] if patterns else rest if isinstance(rest, dict) else None)


def _resolve(schema: Schema, root: Schema, data: object) -> Schema:
    """Follow references, take the non-null side of an option and the chosen side of a union."""
    if "$ref" in schema:
        return _resolve(root["$defs"][schema["$ref"].rpartition("/")[2]], root, data)
    if "oneOf" in schema and isinstance(data, dict):
        discriminator = schema["discriminator"]
        kind = data.get(discriminator["propertyName"])
        if isinstance(kind, str) and kind in discriminator["mapping"]:
            return _resolve({"$ref": discriminator["mapping"][kind]}, root, data)
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolve(option, root, data)
    return schema
