"""The plan that was deployed is the plan of this checkout."""

from __future__ import annotations

import json
from hashlib import sha256

from components.blueprint.component import PLAN_CONFIG_MAP
from components.blueprint.render import plan_document
from components.problems import Problem
from operations.verify.checks import require
from operations.verify.differences import differences

SHOWN = 5
DEPLOY = "Deploy this plan (`pulumi up`), or check out the version that is deployed."
TOUCHED = "Run `pulumi up --refresh`: it restores what was changed by hand."


def test_the_deployed_plan_is_this_one(namespace, subject, cluster, seen):
    where = f"ConfigMap {namespace}/{PLAN_CONFIG_MAP}"
    found = cluster.find("ConfigMap", namespace, PLAN_CONFIG_MAP) or {}
    data = found.get("data", {})
    text, digest = data.get("plan.json", ""), data.get("plan_digest", "")
    seen(f"digest {digest[:12] or 'missing'}")
    require(_problems(where, text, digest, subject))


def _problems(where, text, digest, subject):
    if (real := sha256(text.encode()).hexdigest()) != digest:
        what = f"plan_digest is {digest[:12] or 'missing'}, and its plan.json has {real[:12]}"
        yield Problem(where, what, TOUCHED)
    if real == subject.digest:
        return
    try:
        found = differences(json.loads(text), json.loads(plan_document(subject.plan)))
    except ValueError:
        yield Problem(where, "its plan.json is no JSON", TOUCHED)
        return
    shown = "; ".join(found[:SHOWN])
    more = f"; {len(found) - SHOWN} differences more" if len(found) > SHOWN else ""
    what = f"deployed is {real[:12]}, planned {subject.digest[:12]}: {shown}{more}"
    yield Problem(where, what, DEPLOY)
