"""The tools that are there, and an environment in which Pulumi finds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_root
from .manifest import tools

LANGUAGE_HOST = Path(__file__).with_name("language_host.py")
PULUMI, PULUMI_HOST, PROVIDER = "pulumi", "pulumi-language-python", "pulumi-resource-kubernetes"


@dataclass(frozen=True)
class Toolbox:
    """Tools by name: programs, or a folder where a tool is a set of files."""

    paths: Mapping[str, Path]

    def path(self, name: str) -> Path:
        """Where a tool is; asking for one that was not ensured is a mistake of the caller."""
        return self.paths[name]

    def environment(self, pulumi_home: Path) -> dict[str, str]:
        """Prepare `pulumi_home` and say what to lay over os.environ.

        PATH finds the programs of this toolbox first, PULUMI_HOME holds the provider as a plugin,
        and the CLI asks no server for updates or plugins.
        """
        home = pulumi_home.absolute()
        programs = home / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        for name, path in self.paths.items():
            # The provider is a plugin of one version, not whatever lies on PATH.
            if tools()[name].is_program and name != PROVIDER:
                _link(programs / name, path)
        if PROVIDER in self.paths:
            _install_plugin(home, self.paths[PROVIDER])
        settings = {
            "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        return settings | self._language_host()

    def _language_host(self) -> dict[str, str]:
        """Say where Python programs run, if the CLI here does not bring its own language host.

        The official CLI has `pulumi-language-python` beside it or on PATH, and uses that.
        """
        pulumi = self.paths.get(PULUMI)
        if pulumi is None or not (pulumi.resolve().parent / PULUMI_HOST).exists():
            return {}
        # Language hosts and providers of another version on PATH must not stand in for these.
        settings = {"PULUMI_IGNORE_AMBIENT_PLUGINS": "true"}
        if is_built(pulumi):
            settings["REHEARSAL_PYTHON"] = sys.executable
            settings["REHEARSAL_LANGUAGE_HOST"] = str(LANGUAGE_HOST)
        return settings


def is_built(pulumi: Path) -> bool:
    """Tell a CLI that we built, whose language host is our launcher, from an official one."""
    if not pulumi.resolve().is_relative_to(cache_root().resolve()):
        return False
    with (pulumi.resolve().parent / PULUMI_HOST).open("rb") as host:
        return host.read(2) == b"#!"  # the official one is a compiled program


def _install_plugin(home: Path, provider: Path) -> None:
    """Make a plugin folder of links: the engine overlooks a folder that is a link itself."""
    version = tools()[PROVIDER].version
    plugin = home / "plugins" / f"resource-kubernetes-v{version}"
    plugin.mkdir(parents=True, exist_ok=True)
    for file in provider.parent.iterdir():
        _link(plugin / file.name, file)


def _link(link: Path, target: Path) -> None:
    """Point a link at a target, in one step: another process may be running through it."""
    target = target.absolute()
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
