"""kubectl, as the rehearsal calls it: on one kubeconfig, objects by standard input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.problems import PlanError, Problem

from .tools import ensure

MANAGER = "deepseek-blueprint-rehearsal"  # owner of the fields that we apply

Object = Mapping[str, Any]


def apply(kubeconfig: Path, objects: Sequence[Object], *options: str) -> None:
    """Create or update objects; fields of other owners stay as they are."""
    if objects:
        # Force: simulated objects are ours, also where a controller has touched the same field.
        owner = ("--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
        call(kubeconfig, "apply", *owner, *options, "-f", "-", objects=objects)


def listed(kubeconfig: Path, kind: str, selector: str) -> list[dict[str, Any]]:
    """Read the objects of a kind that carry a label."""
    answer = call(kubeconfig, "get", kind, f"--selector={selector}", "--output=json")
    items: list[dict[str, Any]] = json.loads(answer)["items"]
    return items


def call(kubeconfig: Path, *arguments: str, objects: Sequence[Object] = ()) -> str:
    """Run kubectl and return what it prints; raises PlanError with its own words."""
    program = ensure(["kubectl"], lambda _: None).path("kubectl")
    document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    done = subprocess.run(
        [
            program,
            f"--kubeconfig={kubeconfig}",
            f"--cache-dir={kubeconfig.parent / 'kubectl-cache'}",  # not the user's ~/.kube
            *arguments,
        ],
        input=json.dumps(document) if objects else "",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PlanError(
            [
                Problem(
                    f"kubectl {arguments[0]}",
                    f"the cluster of {kubeconfig} refuses: {done.stderr.strip()}",
                    "Check that this control plane runs; `make up` starts it.",
                )
            ]
        )
    return done.stdout
