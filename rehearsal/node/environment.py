"""The environment of a container. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .api import Json
from .downward import expand, field, resource
from .volumes import Lookup, MissingError, found, keyed_data

_KINDS = {
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
}


def environment(
    container: Json, pod: Json, lookup: Lookup, given: Mapping[str, str]
) -> dict[str, str]:
    """Lay envFrom over what the image gives, and env over both; MissingError names what lacks."""
    known = dict(given)
    for source in container.get("envFrom", []):
        known |= _all_keys(source, lookup)
    for entry in container.get("env", []):
        value = _value(entry, container, pod, lookup, known)
        if value is not None:
            known[entry["name"]] = value
    return known


def _all_keys(source: Json, lookup: Lookup) -> dict[str, str]:
    [form] = [key for key in source if key in _KINDS]
    reference, kind = source[form], _KINDS[form]
    item = found(lookup, kind, reference["name"], optional=reference.get("optional", False))
    prefix = source.get("prefix", "")
    return {prefix + key: value.decode() for key, value in keyed_data(kind, item).items()}


def _value(
    entry: Json, container: Json, pod: Json, lookup: Lookup, known: Mapping[str, str]
) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return expand(entry.get("value", ""), known)
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource(container, source["resourceFieldRef"])
    [form] = [key for key in source if key in _KINDS]
    reference, kind = source[form], _KINDS[form]
    optional = reference.get("optional", False)
    data = keyed_data(kind, found(lookup, kind, reference["name"], optional=optional))
    if reference["key"] in data:
        return data[reference["key"]].decode()
    if optional:
        return None
    raise MissingError(f"{kind.lower()} {reference['name']} has no key {reference['key']}")
