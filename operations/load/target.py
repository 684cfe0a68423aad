"""Whom load is put on: a rehearsal by its access.json, or an address that somebody names."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from components.problems import PlanError, Problem
from operations.access import ACCESS, missing, read_access

HTTPS_PORT, HTTP_PORT = 443, 80


@dataclass(frozen=True, kw_only=True)
class Target:
    """An OpenAI-compatible endpoint: its base URL without /v1, a CA for TLS, keys to take turns."""

    url: str
    keys: Sequence[str] = field(repr=False, default=())
    ca_file: Path | None = None
    allowed_host: str | None = None

    def __post_init__(self) -> None:
        """Raise PlanError for an address that is no URL, or that is not this machine."""
        if problems := [*self._problems()]:
            raise PlanError(problems)

    def tls(self) -> ssl.SSLContext | bool:
        """Make the context of a client; True is the library's own, for plain HTTP."""
        if urlsplit(self.url).scheme != "https":
            return True
        return ssl.create_default_context(cafile=self.ca_file)

    def _problems(self) -> list[Problem]:
        try:
            place = urlsplit(self.url)
            port = place.port or (HTTPS_PORT if place.scheme == "https" else HTTP_PORT)
        except ValueError as error:
            return [Problem("url", str(error), "Give http(s)://HOST[:PORT].")]
        found = []
        if place.scheme not in {"http", "https"} or not place.hostname or "@" in place.netloc:
            fix = "Give http(s)://HOST[:PORT]; a key belongs into a file."
            return [Problem("url", "it is no address of a server", fix)]
        if place.path.strip("/") or place.query:
            found.append(Problem("url", "it has a path", "Leave it out: /v1/… is added."))
        if self.ca_file is not None and not self.ca_file.is_file():
            fix = "Name the file that `blueprint tls issue` or `make up` wrote."
            found.append(Problem("ca_file", f"there is no file {self.ca_file}", fix))
        if place.hostname != self.allowed_host:
            found += _not_loopback(place.hostname, port)
        return found


def target_of_access(path: Path = ACCESS, *, tenants: Sequence[str] = ()) -> Target:
    """Read what `make up` wrote; `tenants` are the keys that take turns, or else the first one."""
    access = read_access(path)
    if access.get("gateway_url") is None:
        raise PlanError([missing(path, access, "gateway_url")])
    known: Mapping[str, str] = access.get("api_keys") or {}
    names = tenants or list(known)[:1]
    if unknown := [name for name in names if name not in known]:
        fix = f"Known: {', '.join(known) or 'none'}."
        raise PlanError([Problem("tenant", f"there is no {name!r}", fix) for name in unknown])
    ca_file = access.get("ca_file")
    return Target(
        url=access["gateway_url"],
        keys=tuple(known[name] for name in names),
        ca_file=Path(ca_file) if ca_file else None,
    )


def read_key(path: Path) -> str:
    """Read one key, the only line of a file: an argument would stand in the process list."""
    try:
        words = path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError):
        fix = "Name a file whose only line is a key."
        raise PlanError([Problem("key_file", f"{path} cannot be read", fix)]) from None
    if len(words) != 1:
        what = f"{path} holds {len(words)} words"
        raise PlanError([Problem("key_file", what, "Leave one line with one key in it.")])
    return words[0]


def _not_loopback(host: str, port: int) -> list[Problem]:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        fix = "Check the name."
        return [Problem("url", f"{host} cannot be resolved: {error.strerror}", fix)]
    if all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found):
        return []
    fix = f"Load is put on this machine only. If {host} is meant, say --allow-host {host}."
    return [Problem("url", f"{host} is not this machine", fix)]
