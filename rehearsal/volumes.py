"""Simulated storage: static volumes that claims bind to, where no provisioner makes any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kubectl
from .nodes import SIMULATED

_ROOT = "/var/lib/deepseek-blueprint"  # a path on simulated nodes: nothing is ever there


@dataclass(frozen=True, kw_only=True)
class SimulatedVolume:
    """A volume for one claim; it binds by class, size and access mode."""

    name: str
    storage_class: str  # empty: for claims that name none
    size_gib: int
    host_path: str | None = None  # None: a path that only a simulated node has


def provide(kubeconfig: Path, volumes: Iterable[SimulatedVolume]) -> None:
    """Create these volumes, and give those whose claim is gone to the next one."""
    kubectl.apply(kubeconfig, [_volume(volume) for volume in volumes])
    for volume in kubectl.listed(kubeconfig, "persistentvolumes", f"{SIMULATED}=true"):
        if volume.get("status", {}).get("phase") == "Released":
            _release(kubeconfig, volume["metadata"]["name"])


def withdraw(kubeconfig: Path) -> None:
    """Remove every simulated volume."""
    kubectl.call(kubeconfig, "delete", "persistentvolumes", f"--selector={SIMULATED}=true")


def _release(kubeconfig: Path, name: str) -> None:
    """Forget the deleted claim, which a retained volume is kept for by its uid."""
    forget = '[{"op": "remove", "path": "/spec/claimRef"}]'
    kubectl.call(kubeconfig, "patch", "persistentvolume", name, "--type=json", "--patch", forget)


def _volume(volume: SimulatedVolume) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume.name, "labels": {SIMULATED: "true"}},
        "spec": {
            "storageClassName": volume.storage_class,
            "capacity": {"storage": f"{volume.size_gib}Gi"},
            "accessModes": ["ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {
                "path": volume.host_path or f"{_ROOT}/{volume.name}",
                "type": "DirectoryOrCreate",
            },
        },
    }
