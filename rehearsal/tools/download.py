"""Ordinary downloads: used only where the checksum published next to them agrees."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from .cache import Entry, Report
from .manifest import Download, Tool, machine
from .progress import elapsed

PROBE_SECONDS = 4.0  # for name, connection and answer together; a probe that fails costs no more
_READ_SECONDS = 30
_CHUNK_BYTES = 1 << 20
_EVERY_SECONDS = 5
_ALGORITHMS = {64: "sha256", 128: "sha512"}  # by the length of the checksum in hex


def download_tool(entry: Entry, download: Download, report: Report) -> bool:
    """Fetch the release into the cache; False where that is not possible, so that we build."""
    tool = entry.tool
    if (platform := download.platforms.get(machine())) is None:
        return False
    words = {"version": tool.version, "platform": platform, "name": tool.name}
    url, sums = download.url.format(**words), download.checksums.format(**words)
    listed = _probe(sums)
    wanted = None if listed is None else checksum_for(url.rsplit("/", 1)[-1], listed)
    if wanted is None:
        return False
    try:
        with entry.being_made("downloaded") as folder:
            _fetch(tool, url, wanted, folder / ".release", report)
            _unpack(tool, download, folder)
    except (OSError, tarfile.TarError, WrongChecksumError) as error:
        report(f"{tool} cannot be downloaded ({error}); building it")
        return False
    report(f"{tool} is downloaded, its checksum is the published one")
    return True


class WrongChecksumError(Exception):
    """What arrived is not what was published."""


def checksum_for(file: str, listed: str) -> str | None:
    """Read a checksum list: lines "HEX  FILE", or one checksum alone."""
    rows = [line.split() for line in listed.splitlines() if line.strip()]
    for row in rows:
        named = len(rows) == 1 and len(row) == 1
        if len(row[0]) in _ALGORITHMS and (named or row[-1].lstrip("*./") == file):
            return row[0].lower()
    return None


def _probe(url: str) -> str | None:
    """Fetch a small text; one short try per host, since most closed networks drop packets."""
    return _text(url) if _is_reachable(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}") else None


@cache
def _is_reachable(origin: str) -> bool:
    answered: list[bool] = []

    def ask() -> None:
        try:
            with _open(origin, PROBE_SECONDS, method="HEAD"):
                answered.append(True)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            answered.append(True)  # an answer, if not a friendly one
        except OSError:
            pass

    # A thread, since no time limit of a socket covers a name server that is silent.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_SECONDS)
    return bool(answered)


def _text(url: str) -> str | None:
    try:
        with _open(url, PROBE_SECONDS) as answer:
            return answer.read(_CHUNK_BYTES).decode(errors="replace")
    except OSError:
        return None


def _open(url: str, seconds: float, method: str = "GET") -> HTTPResponse:
    request = urllib.request.Request(url, method=method)  # noqa: S310  # our manifest's URLs
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=seconds)  # noqa: S310  # same
    return answer


def _fetch(tool: Tool, url: str, wanted: str, target: Path, report: Report) -> None:
    digest = hashlib.new(_ALGORITHMS[len(wanted)])
    started = told = time.monotonic()
    received = 0
    with _open(url, _READ_SECONDS) as answer, target.open("wb") as file:
        while block := answer.read(_CHUNK_BYTES):
            file.write(block)
            digest.update(block)
            received += len(block)
            if time.monotonic() - told >= _EVERY_SECONDS:
                told = time.monotonic()
                mib = received / 2**20
                report(f"downloading {tool} … {elapsed(told - started)}, {mib:.0f} MiB")
    if digest.hexdigest() != wanted:
        message = f"its checksum is {digest.hexdigest()}, published is {wanted}"
        raise WrongChecksumError(message)


def _unpack(tool: Tool, download: Download, folder: Path) -> None:
    release = folder / ".release"
    if not download.members:
        release.rename(folder / tool.name)
        (folder / tool.name).chmod(0o755)
        return
    with tarfile.open(release) as archive:
        # Written by name, never extracted by path: an archive cannot reach outside the folder.
        inside = {Path(member.name).name: member for member in archive if member.isfile()}
        for name in download.members:
            if name not in inside or (content := archive.extractfile(inside[name])) is None:
                message = f"the archive holds no {name}"
                raise tarfile.TarError(message)
            with content, (folder / name).open("wb") as file:
                shutil.copyfileobj(content, file)
            (folder / name).chmod(0o755)
    release.unlink()
