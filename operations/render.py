"""`blueprint render`: every text of a stack, offline: the program runs under Pulumi's mocks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

import pulumi
import yaml

from components.blueprint.component import Blueprint, BlueprintArgs
from components.blueprint.plan import KEYS_SECRET, TLS_SECRET, BlueprintPlan
from components.blueprint.render import plan_document, render_texts
from components.naming import PROJECT
from components.problems import PlanError, Problem

from .check import check_stack

REDACTED = "<redacted>"
# Well-formed and empty: a rendering shows where secrets go, not what they are.
EMPTY = {KEYS_SECRET: "{}", TLS_SECRET: '{"tls.crt": "", "tls.key": "", "ca.crt": ""}'}
MARKER = ".blueprint-render"  # lies in every folder we wrote, so that we replace no other


class _Recorder(pulumi.runtime.Mocks):
    """Keeps what the program asks for and answers with it."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[str, Any]]:
        if args.typ.startswith("kubernetes:"):
            self.objects.append(_plain(args.inputs))
        return f"{args.name}-id", args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        raise AssertionError(f"{args.token}: a plan is complete, so a component looks nothing up")


def render_stack(stack: str, out: Path) -> list[Path]:
    """Write the texts of `stack` into `out`; raises PlanError where it is not ours to replace."""
    plan = check_stack(stack).plan
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        fix = "Name an empty or new folder, or one that an earlier render wrote."
        raise PlanError([Problem("--out", f"{out} holds files that are not ours", fix)])
    shutil.rmtree(out, ignore_errors=True)
    manifests = render_manifests(plan, stack)
    texts = {"plan.json": plan_document(plan), **render_texts(plan), **manifests}
    for name, text in {MARKER: "", **texts}.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return [out / name for name in sorted(texts)]


def render_manifests(plan: BlueprintPlan, stack: str) -> dict[str, str]:
    """Run the program under mocks: `manifests/<namespace>/<kind>-<name>.yaml` → YAML."""
    recorder = _Recorder()
    pulumi.runtime.set_mocks(recorder, project=PROJECT, stack=stack)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]  # waits until all registrations landed
    def build() -> None:
        secrets = {key: pulumi.Output.secret(EMPTY[key]) for key in plan.secret_keys}
        Blueprint("blueprint", BlueprintArgs(plan=plan, secrets=secrets))

    build()
    return dict(sorted(_manifest(item) for item in recorder.objects))


def without_event_loops(unraisable: sys.UnraisableHookArgs) -> None:
    """Report what Python reports, but for one thing: the SDK leaves event loops open.

    Whether Python complains of one at exit is chance.
    """
    if getattr(unraisable.object, "__qualname__", "") != "BaseEventLoop.__del__":
        sys.__unraisablehook__(unraisable)


def _manifest(item: dict[str, Any]) -> tuple[str, str]:
    metadata = item["metadata"]
    if item["kind"] == "Secret":
        item = {**item, "stringData": dict.fromkeys(item.get("stringData", {}), REDACTED)}
    folder = metadata.get("namespace", "cluster")
    name = f"manifests/{folder}/{item['kind'].lower()}-{metadata['name']}.yaml"
    return name, yaml.safe_dump(item, sort_keys=True, allow_unicode=True, width=100)


def _plain(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """Undo the mocks: they return every number as a float."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
