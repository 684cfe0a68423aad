"""Plan → texts: the plan itself, in one canonical form, and every text made from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256

from ..gateway.render import render_gateway
from .plan import BlueprintPlan


def render_texts(plan: BlueprintPlan) -> dict[str, str]:
    """Render every text but the plan: path → content."""
    gateway = {f"gateway/{name}": text for name, text in render_gateway(plan.gateway).items()}
    engines = {
        f"engines/{server.name}/{name}": text
        for server in plan.servers
        for name, text in server.container.files.items()
    }
    return {**gateway, **engines}


def plan_document(plan: BlueprintPlan) -> str:
    """Write the plan as canonical JSON: sorted keys, no floats, no time.

    Texts stand in it by their SHA-256, so that a changed template is a changed plan.
    """
    document = asdict(plan)
    for server in document["servers"]:
        server["container"]["files"] = sorted(server["container"]["files"])
    document["texts"] = {path: _sha256(text) for path, text in render_texts(plan).items()}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def plan_digest(plan: BlueprintPlan) -> str:
    """SHA-256 of the plan document, in hex."""
    return _sha256(plan_document(plan))


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
