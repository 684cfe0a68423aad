"""A working copy of one stack under a folder of its own: `stacks/` is never written to."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.blueprint.load import SPEC_KEY, stack_file
from components.naming import PROJECT
from operations.pulumi_cli import PulumiCli

ROOT = Path(__file__).parents[1]
STATE = ROOT / ".rehearsal"  # where `make up` keeps everything it makes
PASSPHRASE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Project, Pulumi state and passphrase of one deployed copy of a stack."""

    folder: Path
    stack: str

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def config_file(self) -> Path:
        return self.project / "stacks" / f"Pulumi.{self.stack}.yaml"

    def prepare(self, *, context: str | None = None) -> None:
        """Copy program and stack; what the engine keeps in the copied stack file stays in it.

        `context` replaces the kubeconfig context, for a cluster that calls itself otherwise.
        """
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "__main__.py", self.project / "__main__.py")
        self._write_project_file()
        self._write_passphrase()
        wanted = _load(stack_file(self.stack))
        if context is not None:
            wanted["config"][SPEC_KEY]["cluster"]["context"] = context
        self.write_spec(wanted["config"][SPEC_KEY])

    def write_spec(self, spec: Mapping[str, Any]) -> None:
        """Put `spec` into the copy; keys and certificates that lie beside it stay."""
        kept = _load(self.config_file) if self.config_file.exists() else {}
        kept["config"] = {**kept.get("config", {}), SPEC_KEY: spec}
        self.config_file.write_text(yaml.safe_dump(kept, sort_keys=False), "utf-8")

    def read_spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = _load(self.config_file)["config"][SPEC_KEY]
        return spec

    def cli(self, tools: Mapping[str, str], kubeconfig: Path) -> PulumiCli:
        """Call the engine on this copy; creates the stack where there is none yet."""
        environment = {
            **os.environ,
            **tools,
            "KUBECONFIG": str(kubeconfig),
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
        }
        self._mend_checkpoint()
        cli = PulumiCli(stack=self.stack, project=self.project, environment=environment)
        cli.call("stack", "select", "--create")
        return cli

    @property
    def checkpoint(self) -> Path:
        """Where the engine keeps what it believes in."""
        return self.folder / "state/.pulumi/stacks" / PROJECT / f"{self.stack}.json"

    def _mend_checkpoint(self) -> None:
        """Undo a checkpoint that a killed engine left half-written: take the one before it."""
        if not self.checkpoint.exists() or _is_json(self.checkpoint):
            return
        backup = self.checkpoint.with_name(f"{self.checkpoint.name}.bak")
        if backup.exists() and _is_json(backup):
            shutil.copyfile(backup, self.checkpoint)
        else:
            self.checkpoint.unlink()

    def _write_project_file(self) -> None:
        project = _load(ROOT / "Pulumi.yaml")
        project["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
        (self.project / "Pulumi.yaml").write_text(yaml.safe_dump(project), "utf-8")

    def _write_passphrase(self) -> None:
        path = self.folder / "passphrase"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(PASSPHRASE_BYTES), "utf-8")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text("utf-8"))
    except ValueError:
        return False
    return True


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded
