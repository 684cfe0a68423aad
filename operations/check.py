"""`blueprint check`: the plan of a stack in a few lines, or every problem with its line."""

from __future__ import annotations

from dataclasses import dataclass

from components.blueprint.load import load_stack, locate, located, stack_file
from components.blueprint.plan import BlueprintPlan, plan_blueprint, plan_warnings
from components.blueprint.render import plan_digest
from components.problems import PlanError, Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    stack: str
    plan: BlueprintPlan
    digest: str
    warnings: tuple[Problem, ...]


def check_stack(stack: str) -> Checked:
    """Plan `stack`; raises PlanError with every problem, each with its line in the file."""
    spec, lines = load_stack(stack_file(stack))
    try:
        plan = plan_blueprint(spec)
    except PlanError as refused:
        raise located(refused, lines) from None
    return Checked(
        stack=stack,
        plan=plan,
        digest=plan_digest(plan),
        warnings=tuple(locate(warning, lines) for warning in plan_warnings(plan)),
    )
