"""The per-user cache: one folder per tool, version and recipe, shared by every checkout."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .manifest import Tool, machine
from .problems import CACHE_SETTING

RECORD = "recipe.json"
_BUILDING = ".building-"
_POLL_SECONDS = 0.2
# Not part of what a build makes: costs may be corrected, and the folder's content counts, not
# its name.
_BESIDE = ("module", "cold_gib", "cold_minutes", "memory_gib")

Report = Callable[[str], None]


def cache_root() -> Path:
    """Where results are kept: $DEEPSEEK_BLUEPRINT_CACHE, or a folder of the user's cache."""
    if chosen := os.environ.get(CACHE_SETTING):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "deepseek-blueprint"


def recipe(tool: Tool) -> dict[str, object]:
    """Everything that decides what the tool's folder holds."""
    written: dict[str, object] = {"name": tool.name, "version": tool.version, "on": machine()}
    if tool.download is not None:
        written["download"] = asdict(tool.download)
    if tool.build is not None:
        build = asdict(tool.build)
        written["build"] = {key: value for key, value in build.items() if key not in _BESIDE}
        written["sources"] = {
            path.relative_to(tool.build.folder).as_posix(): path.read_text()
            for path in sorted(tool.build.folder.rglob("*"))
            if path.is_file()
        }
    return written


@dataclass(frozen=True)
class Entry:
    """The folder of one tool. Its name carries the recipe, so another recipe is another folder."""

    tool: Tool
    folder: Path

    @classmethod
    def of(cls, tool: Tool) -> Entry:
        text = json.dumps(recipe(tool), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cls(tool, cache_root() / "tools" / tool.name / f"{tool.version}-{digest}")

    @property
    def path(self) -> Path:
        return self.folder / self.tool.name if self.tool.is_program else self.folder

    def is_whole(self) -> bool:
        """Check that every file has the size it had when it was put here.

        The folder appears by one rename, so it is whole unless a crash of the machine or a
        person took something from it.
        """
        try:
            sizes: dict[str, int] = json.loads((self.folder / RECORD).read_text())["files"]
            return all((self.folder / name).stat().st_size == n for name, n in sizes.items())
        except (OSError, ValueError, KeyError):
            return False

    def origin(self) -> str:
        """How it came here: "built" or "downloaded"."""
        return str(json.loads((self.folder / RECORD).read_text())["origin"])

    @contextmanager
    def being_made(self, origin: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the entry when the block ends well.

        Call it with the lock held: what an interrupted build left behind is removed first.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.parent.glob(f"{_BUILDING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder.parent))
        try:
            yield making
            making.chmod(0o755)
            sizes = {file.name: file.stat().st_size for file in making.iterdir()}
            record = {"origin": origin, "files": sizes, **recipe(self.tool)}
            (making / RECORD).write_text(json.dumps(record, indent=1))
            making.rename(self.folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise


@contextmanager
def locked(name: str, report: Report, *, every_seconds: float = 5) -> Iterator[None]:
    """Hold the lock of one cached thing across processes and checkouts.

    The system releases it when its holder ends, however that happens.
    """
    path = cache_root() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        started, told = time.monotonic(), 0.0
        while not _try_lock(lock.fileno()):
            waited = time.monotonic() - started
            if waited - told >= every_seconds:
                told = waited
                report(f"waiting for another process that makes {name} … {waited:.0f} s")
            time.sleep(_POLL_SECONDS)
        yield


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
