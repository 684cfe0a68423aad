"""Stack file → spec. Every problem comes at once, with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from pydantic import ValidationError

from ..naming import PROJECT
from ..problems import PlanError, Problem, nearest
from .explain import explain
from .secrets import check_secrets
from .spec import BlueprintSpec

SPEC_KEY = f"{PROJECT}:spec"
STACKS = Path(__file__).parents[2] / "stacks"
Lines = dict[str, int]  # dotted path inside the spec → 1-based line


def parse_spec(data: object) -> BlueprintSpec:
    """Check shape, ranges, known names and clear-text secrets; PlanError has every problem.

    The order of keys says nothing: Pulumi sorts them on their way to the program.
    """
    data = _sorted(data)
    found = list(check_secrets(data))
    secrets = [problem for problem, _ in found]
    try:
        spec = BlueprintSpec.model_validate(data)
    except ValidationError as error:
        # What else is wrong with a secret is told by nobody: the message would repeat it.
        other = [p for p in explain(error, data) if not any(text in str(p) for _, text in found)]
        raise PlanError([*secrets, *other]) from None
    if secrets:
        raise PlanError(secrets)
    return spec


def _sorted(data: object) -> object:
    if isinstance(data, dict):
        return {key: _sorted(data[key]) for key in sorted(data, key=str)}
    return [_sorted(item) for item in data] if isinstance(data, list) else data


def load_stack(path: Path) -> tuple[BlueprintSpec, Lines]:
    """Read `stacks/Pulumi.<stack>.yaml`; the lines let later problems be located too."""
    data, lines = read_stack(path)
    try:
        return parse_spec(data), lines
    except PlanError as error:
        raise located(error, lines) from None


def stack_file(stack: str, folder: Path | None = None) -> Path:
    """Find the file of a stack, or refuse the name with the known stacks listed."""
    folder = folder or STACKS
    path = folder / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(p.name[len("Pulumi.") : -len(".yaml")] for p in folder.glob("Pulumi.*.yaml"))
        fix = f"{nearest(stack, known)}Known stacks: {', '.join(known) or 'none'}."
        raise PlanError([Problem("STACK", f"there is no stack {stack!r}", fix)])
    return path


def located(error: PlanError, lines: Mapping[str, int]) -> PlanError:
    """Add to each problem the line of its place, or of the nearest place around it."""
    return PlanError(locate(problem, lines) for problem in error.problems)


def locate(problem: Problem, lines: Mapping[str, int]) -> Problem:
    where = problem.where
    while where and where not in lines:
        where = where.rpartition(".")[0]
    return replace(problem, line=lines[where]) if where else problem


def read_stack(path: Path) -> tuple[object, Lines]:
    """Parse the YAML; refuse what is no YAML, has a key twice, or has no spec."""
    try:
        document = yaml.compose(path.read_text("utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = f"not YAML: {getattr(error, 'problem', None) or error}"
        line = mark.line + 1 if mark else None
        raise PlanError([Problem(path.name, what, "Mend the file.", line)]) from None
    if problems := list(_duplicates(document, "")):
        raise PlanError(problems)
    spec = _find(_find(document, "config"), SPEC_KEY)
    if spec is None:
        fix = f"Write the stack spec under config, as {SPEC_KEY}; see docs/reference/spec.md."
        raise PlanError([Problem(path.name, f"it has no {SPEC_KEY}", fix)])
    lines = dict(_lines(spec, ""))
    return yaml.CSafeLoader("").construct_document(spec), lines


def _find(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _children(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((str(position), item, item) for position, item in enumerate(node.value))


def _lines(node: yaml.Node, prefix: str) -> Iterator[tuple[str, int]]:
    for name, key, value in _children(node):
        where = f"{prefix}{name}"
        yield where, key.start_mark.line + 1
        yield from _lines(value, f"{where}.")


def _duplicates(node: yaml.Node | None, prefix: str) -> Iterator[Problem]:
    seen: Lines = {}
    for name, key, value in _children(node):
        line = key.start_mark.line + 1
        where = f"{prefix}{name}".removeprefix(f"config.{SPEC_KEY}.")
        if isinstance(node, yaml.MappingNode) and name in seen:
            what = f"the key {name!r} stands here twice, first in line {seen[name]}"
            yield Problem(where, what, "Keep one, or give one another name.", line)
        seen[name] = line
        yield from _duplicates(value, f"{prefix}{name}.")
