"""The flags of `blueprint verify`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from components.problems import PlanError, Problem

from .target import Asked

NEEDS = {"pytest": "pytest", "testinfra": "pytest-testinfra", "httpx": "httpx"}


def _option(text: str, *names: str) -> Any:  # noqa: ANN401  # typer's own type is not exported
    return typer.Option(*names, help=text)


def verify(  # noqa: PLR0913  # one parameter per flag
    stack: Annotated[str, typer.Argument(metavar="STACK", help="stacks/Pulumi.STACK.yaml")],
    *,
    access: Annotated[Path | None, _option("what `make up` wrote; .rehearsal/access.json")] = None,
    kubeconfig: Annotated[Path | None, _option("of the cluster; kubectl's own")] = None,
    context: Annotated[str | None, _option("in the kubeconfig; the one of the stack")] = None,
    url: Annotated[str | None, _option("the gateway's, https://…")] = None,
    ca_file: Annotated[Path | None, _option("who signed its certificate, PEM")] = None,
    key_env: Annotated[str | None, _option("environment variable that holds an API key")] = None,
    key_file: Annotated[Path | None, _option("file that holds an API key")] = None,
    junit: Annotated[Path | None, _option("write a JUnit report there, too")] = None,
    as_json: Annotated[bool, _option("print one JSON document (schema 1)", "--json")] = False,
) -> None:
    """Check a running stack against its plan, and change nothing. Exit 1 if a check fails."""
    asked = Asked(
        access=access,
        kubeconfig=kubeconfig,
        context=context,
        url=url,
        ca_file=ca_file,
        key_env=key_env,
        key_file=key_file,
    )
    raise typer.Exit(_verify(stack, asked, junit, as_json=as_json))


def _verify(stack: str, asked: Asked, junit: Path | None, *, as_json: bool) -> int:
    from .. import output
    from ..render import without_event_loops

    try:
        _check_needs()
        from . import output as verify_output
        from . import run

        sys.unraisablehook = without_event_loops
        verification = run.verify(stack, asked, junit)
    except PlanError as refused:
        output.show_refusal(refused, as_json=as_json)
        return 2
    verify_output.show(verification, as_json=as_json)
    return 1 if verification.verdict == "failed" else 0


def _check_needs() -> None:
    if missing := [package for module, package in NEEDS.items() if find_spec(module) is None]:
        fix = "Install what checks need: `pip install --require-hashes -r requirements/dev.txt`."
        raise PlanError([Problem(", ".join(missing), "not installed", fix)])
