"""What a pod has on disk: the files of its /etc, its volumes, and what its containers print."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .api import Json
from .downward import expand
from .sandbox import Mount
from .volumes import ATOMIC, MissingError, Sources, provide

_KEPT_LOGS = 2  # the run, and the one before
_USERS = "root:x:0:0::/:/bin/sh\nnginx:x:101:101::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
_GROUPS = "root:x:0:\nnginx:x:101:\nnogroup:x:65534:\n"


class Home:
    def __init__(self, folder: Path, claims: Path, sources: Callable[[], Sources]) -> None:
        self._folder, self._claims, self._sources = folder, claims, sources

    @property
    def etc(self) -> Path:
        return self._folder / "etc"

    def write_etc(self, address: str, dns_address: str, dns_domain: str) -> None:
        pod = self._sources().pod
        namespace, spec = pod["metadata"]["namespace"], pod["spec"]
        self.etc.mkdir(parents=True, exist_ok=True)
        search = f"{namespace}.svc.{dns_domain} svc.{dns_domain} {dns_domain}"
        resolver = f"nameserver {dns_address}\nsearch {search}\noptions ndots:5\n"
        of_cluster = spec.get("dnsPolicy", "ClusterFirst") == "ClusterFirst"
        names = [host_name(pod)]
        if subdomain := spec.get("subdomain"):
            names.insert(0, f"{names[0]}.{subdomain}.{namespace}.svc.{dns_domain}")
        for name, text in (
            ("resolv.conf", resolver if of_cluster else ""),
            ("hosts", f"127.0.0.1 localhost\n{address} {' '.join(names)}\n"),
            ("passwd", _USERS),
            ("group", _GROUPS),
        ):
            (self.etc / name).write_text(text)

    def mounts(self, container: Json, environment: Mapping[str, str]) -> list[Mount]:
        """Bring the volumes that a container mounts in step; MissingError names what lacks."""
        return list(self._mounts(container, environment))

    def _mounts(self, container: Json, environment: Mapping[str, str]) -> Iterator[Mount]:
        sources = self._sources()
        volumes = {volume["name"]: volume for volume in sources.pod["spec"].get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            volume = volumes[mount["name"]]
            frozen = any(kind in volume for kind in ATOMIC) or mount.get("readOnly", False)
            below = mount.get("subPath") or expand(mount.get("subPathExpr", ""), environment)
            source = (self._provide(volume, sources) / below).resolve()
            if not source.exists() and not frozen:
                source.mkdir(parents=True)
            yield Mount(target=mount["mountPath"], source=source, read_only=frozen)

    def refresh(self) -> list[str]:
        """Bring all volumes in step; what is missing now stays as it was, and is named."""
        sources, missing = self._sources(), []
        for volume in sources.pod["spec"].get("volumes", []):
            try:
                self._provide(volume, sources)
            except MissingError as error:
                missing.append(str(error))
        return missing

    def _provide(self, volume: Json, sources: Sources) -> Path:
        folder = self._folder / "volumes" / volume["name"]
        return provide(volume, folder, self._claims, sources)

    def log(self, container: str, run: int) -> Path:
        return self._folder / "logs" / f"{container}-{run}.log"

    def new_log(self, container: str, run: int) -> Path:
        """Make room for the log of a run."""
        self.log(container, run - _KEPT_LOGS).unlink(missing_ok=True)
        return self.log(container, run)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def host_name(pod: Json) -> str:
    return str(pod["spec"].get("hostname", pod["metadata"]["name"]))
