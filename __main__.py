"""The Pulumi program: load the spec, plan it, build it, export it."""

import pulumi

from components.blueprint.component import Blueprint, BlueprintArgs
from components.blueprint.load import parse_spec
from components.blueprint.plan import plan_blueprint
from components.problems import PlanError

config = pulumi.Config()
try:
    plan = plan_blueprint(parse_spec(config.require_object("spec")))
except PlanError as refused:
    # RunError: the engine shows the text and no traceback.
    raise pulumi.RunError(f"the plan refuses this stack; nothing was changed\n{refused}") from None

secrets = {key: config.require_secret(key) for key in plan.secret_keys}
blueprint = Blueprint("blueprint", BlueprintArgs(plan=plan, secrets=secrets))
pulumi.export("gateway_url", blueprint.gateway_url)
pulumi.export("plan_digest", blueprint.plan_digest)
pulumi.export("servers", blueprint.servers)
