"""Plan → the files that the gateway's pods mount. No decision is made here."""

from __future__ import annotations

from hashlib import sha256

from ..templating import render_template
from .plan import GatewayPlan

FILES = ("nginx.conf", "gateway.js", "start.sh")
KEYS_FILE = "keys.map"  # nginx.conf includes it from the mounted Secret


def render_gateway(plan: GatewayPlan) -> dict[str, str]:
    """Render every file of the ConfigMap: name → text."""
    return {
        name: render_template(
            f"gateway/{name}.j2",
            plan=plan,
            places=plan.places,
            resources=plan.resources,
            times=plan.times,
        )
        for name in FILES
    }


def config_checksum(plan: GatewayPlan) -> str:
    """SHA-256 over all files: on the pod, it makes a changed configuration a new pod."""
    return sha256(repr(sorted(render_gateway(plan).items())).encode()).hexdigest()
