"""What the plan creates is there, and nothing of ours besides."""

from __future__ import annotations

from components.naming import PROJECT
from components.problems import Problem
from operations.verify.checks import require

OURS = f"app.kubernetes.io/part-of={PROJECT}"
LEVELS = tuple(f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn"))
LEFT = "it carries our label, and no object of the plan has this name"
LOOK = "Look who made it; `pulumi up` removes what an earlier plan left."
AGAIN = "Run `pulumi up` again: it restores what was removed by hand."


def is_ours(item):
    key, value = OURS.split("=")
    return item["metadata"].get("labels", {}).get(key) == value


def test_the_objects_of_the_plan_exist(kind, planned, cluster, seen):
    wanted = {(space, name) for space, its_kind, name in planned if its_kind == kind}
    spaces = sorted({space for space, _ in wanted}, key=str)
    listed = [(space, item) for space in spaces for item in cluster.listed(kind, space)]
    there = {(space, item["metadata"]["name"]) for space, item in listed}
    ours = {(space, item["metadata"]["name"]) for space, item in listed if is_ours(item)}
    seen(f"{len(wanted & there)} of {len(wanted)}")
    missing = [Problem(place(kind, *one), "it is not there", AGAIN) for one in wanted - there]
    extra = [Problem(place(kind, *one), LEFT, LOOK) for one in ours - wanted]
    require(sorted([*missing, *extra], key=str))


def place(kind, space, name):
    return f"{kind} {space}/{name}" if space else f"{kind} {name}"


def test_the_namespace_enforces_pod_security(namespace, planned, cluster, seen):
    wanted = planned[None, "Namespace", namespace]["metadata"]["labels"]
    found = (cluster.find("Namespace", None, namespace) or {"metadata": {}})["metadata"]
    labels = found.get("labels", {})
    seen(", ".join(f"{level.rpartition('/')[2]} {labels.get(level)}" for level in LEVELS))
    require(
        Problem(
            f"Namespace {namespace}, label {level}",
            f"it is {labels.get(level)!r}, the plan says {wanted[level]!r}",
            AGAIN,
        )
        for level in LEVELS
        if labels.get(level) != wanted[level]
    )
