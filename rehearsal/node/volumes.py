"""Volumes of a pod as folders; a new version of a ConfigMap or Secret appears by one rename."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .api import Json
from .downward import field

ATOMIC = ("configMap", "secret", "projected", "downwardAPI")
FOLDERS = ("emptyDir", "persistentVolumeClaim", "ephemeral")
_DEFAULT_MODE = 0o644
_EVERYBODY = 0o1777

Lookup = Callable[[str, str], Json | None]  # ("ConfigMap" or "Secret", name) → the object
Tokens = Callable[[Json], str]  # a serviceAccountToken source → the token
Files = dict[str, tuple[bytes, int]]  # path in the volume → content and mode


class MissingError(Exception):
    """Something that the pod refers to is not there, perhaps not yet."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the content of volumes comes from."""

    pod: Json
    lookup: Lookup
    tokens: Tokens


def keyed_data(kind: str, item: Json) -> dict[str, bytes]:
    """Read all keys of a ConfigMap or a Secret."""
    encoded = item.get("binaryData" if kind == "ConfigMap" else "data") or {}
    plain = (item.get("data") if kind == "ConfigMap" else None) or {}
    decoded = {key: base64.b64decode(value) for key, value in encoded.items()}
    return decoded | {key: value.encode() for key, value in plain.items()}


def found(lookup: Lookup, kind: str, name: str, *, optional: bool = False) -> Json:
    item = lookup(kind, name)
    if item is None and not optional:
        raise MissingError(f'{kind.lower()} "{name}" not found')
    return item or {}


def files(volume: Json, sources: Sources, mode: int | None = None) -> Files:
    """Collect the files of a configMap, secret, downwardAPI, token or projected source."""
    for kind, name_key in (("configMap", "name"), ("secret", "secretName")):
        if kind in volume:
            return _keyed_files(kind, volume[kind], name_key, sources, mode)
    if "downwardAPI" in volume:
        mode = volume["downwardAPI"].get("defaultMode", mode or _DEFAULT_MODE)
        return {
            item["path"]: (field(sources.pod, item["fieldRef"]["fieldPath"]).encode(), mode)
            for item in volume["downwardAPI"].get("items", [])
            if "fieldRef" in item
        }
    if "serviceAccountToken" in volume:
        source = volume["serviceAccountToken"]
        return {source["path"]: (sources.tokens(source).encode(), mode or _DEFAULT_MODE)}
    if "projected" not in volume:
        raise MissingError(f"volume source {', '.join(volume)} is not known here")
    gathered: Files = {}
    mode = volume["projected"].get("defaultMode", _DEFAULT_MODE)
    for part in volume["projected"]["sources"]:
        gathered |= files(part, sources, mode)
    return gathered


def _keyed_files(
    kind: str, source: Json, name_key: str, sources: Sources, mode: int | None
) -> Files:
    mode = source.get("defaultMode", mode or _DEFAULT_MODE)
    name, optional = source.get(name_key) or source["name"], source.get("optional", False)
    wanted = "ConfigMap" if kind == "configMap" else "Secret"
    data = keyed_data(wanted, found(sources.lookup, wanted, name, optional=optional))
    if "items" not in source:
        return {key: (content, mode) for key, content in data.items()}
    missing = [item["key"] for item in source["items"] if item["key"] not in data]
    if missing and not optional:
        raise MissingError(f'{wanted.lower()} "{name}" has no key {", ".join(missing)}')
    return {
        item["path"]: (data[item["key"]], item.get("mode", mode))
        for item in source["items"]
        if item["key"] in data
    }


def show(folder: Path, wanted: Files) -> bool:
    """Make a folder show exactly these files, all at one moment; False: it does already."""
    link = folder / "..data"
    if link.exists() and _shown(link) == {path: content for path, (content, _) in wanted.items()}:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    former = link.readlink() if link.is_symlink() else None
    version = folder / f"..{time.strftime('%Y_%m_%d_%H_%M_%S')}.{time.monotonic_ns()}"
    version.mkdir()
    for path, (content, mode) in wanted.items():
        target = version / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    staged = folder / "..data_tmp"
    staged.unlink(missing_ok=True)
    staged.symlink_to(version.name)
    staged.replace(link)
    _link_names(folder, {path.split("/")[0] for path in wanted})
    if former is not None:
        shutil.rmtree(folder / former)
    return True


def _shown(link: Path) -> Mapping[str, bytes]:
    files_there = (path for path in link.rglob("*") if path.is_file())
    return {path.relative_to(link).as_posix(): path.read_bytes() for path in files_there}


def _link_names(folder: Path, names: set[str]) -> None:
    for entry in os.scandir(folder):
        if not entry.name.startswith("..") and entry.name not in names:
            Path(entry.path).unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def provide(volume: Json, folder: Path, claims: Path, sources: Sources) -> Path:
    """Create or refresh one volume; answer the folder to mount."""
    if claim := volume.get("persistentVolumeClaim"):
        folder = claims / f"{sources.pod['metadata']['namespace']}_{claim['claimName']}"
    if any(kind in volume for kind in FOLDERS):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(_EVERYBODY)
    elif any(kind in volume for kind in ATOMIC):
        show(folder, files(volume, sources))
    else:
        kinds = ", ".join(key for key in volume if key != "name")
        raise MissingError(f'volume "{volume["name"]}": pods as processes have no {kinds}')
    return folder
