"""Running Python for the language host: which interpreter, which children, what they print.

The host is a program of its own that starts several times a minute; this module costs it nothing.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPTIONS = {"virtualenv", "toolchain"}
_CHUNK_BYTES = 1 << 16
LIST_PACKAGES = """
import json, re
from importlib.metadata import distributions
plain = lambda name: name.lower().replace("_", "-")
found = {d.name: d for d in distributions() if d.name}
required = {plain(re.split(r"[^\\w.-]", r)[0]) for d in found.values() for r in d.requires or ()
            if "extra ==" not in r}
print(json.dumps([[n, d.version, plain(n) in required] for n, d in sorted(found.items())]))
"""


class RefusedError(Exception):
    """Something in the project that this host cannot do, in words for the user."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that a program or policy pack asks for in its runtime options."""

    python: Path
    virtualenv: Path | None

    @classmethod
    def of(cls, root: str, options: Mapping[str, Any]) -> Interpreter:
        if unknown := sorted(options.keys() - OPTIONS):
            raise RefusedError(f"this language host knows no runtime option {', '.join(unknown)}")
        if (toolchain := options.get("toolchain", "pip")) != "pip":
            raise RefusedError(f"this language host has no toolchain {toolchain!r}, only 'pip'")
        if not (chosen := options.get("virtualenv")):
            return cls(Path(sys.executable), None)
        folder = Path(root, chosen)
        return cls(folder / "bin" / "python", folder)

    def checked(self) -> Interpreter:
        if self.python.exists():
            return self
        raise RefusedError(
            f"the runtime option virtualenv names {self.virtualenv}, where no bin/python is; "
            "create it, or run `pulumi install`"
        )

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Activate the virtual environment for a child."""
        settings = {**os.environ, **extra}
        if self.virtualenv is not None:
            settings.pop("PYTHONHOME", None)
            settings["VIRTUAL_ENV"] = str(self.virtualenv)
            paths = [str(self.virtualenv / "bin"), settings.get("PATH", os.defpath)]
            settings["PATH"] = os.pathsep.join(paths)
        return settings

    def ask(self, *arguments: str) -> str:
        command = [str(self.python), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(f"{self.python} failed: {done.stderr.strip()}")
        return done.stdout

    def plugins(self) -> Iterator[tuple[str, str]]:
        """Give name and version of plugins that installed wheels speak to and that are present.

        An absent one is left to the moment a program uses it: a wheel may be installed for
        something else, and a provider may be attached with PULUMI_DEBUG_PROVIDERS.
        """
        sites = [Path(sysconfig.get_path("purelib"))]
        if self.virtualenv is not None:
            sites = list(self.virtualenv.glob("lib/python*/site-packages"))
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        for file in sorted(file for site in sites for file in site.glob("*/pulumi-plugin.json")):
            found = json.loads(file.read_text())
            folder = f"resource-{found.get('name')}-v{found.get('version')}"
            if found.get("resource") and (home / "plugins" / folder).is_dir():
                yield found["name"], found["version"]


class Children:
    """What runs on behalf of calls; it ends with its call, and with this host."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def start(
        self,
        command: Sequence[str],
        folder: str,
        environment: Mapping[str, str],
        at_end: Callable[[Callable[[], None]], object],
        output: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a child; `at_end` takes what is to be called when its call is over."""
        child = subprocess.Popen(
            command, cwd=folder or None, env=environment, stdout=output, stderr=output
        )
        self._running.add(child)
        at_end(lambda: self._end(child))
        return child

    def kill(self) -> None:
        for child in tuple(self._running):
            child.kill()

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Follow a call that is over; its child still runs where the engine cancelled it."""
        self._running.discard(child)
        if child.poll() is None:
            child.terminate()


def output(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what a child writes, as it comes, until it has closed both streams."""
    with selectors.DefaultSelector() as waiting:
        for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)):
            if stream is not None:
                waiting.register(stream, selectors.EVENT_READ, name)
        while waiting.get_map():
            for key, _ in waiting.select():
                if data := os.read(key.fd, _CHUNK_BYTES):
                    yield key.data, data
                else:
                    waiting.unregister(key.fileobj)
