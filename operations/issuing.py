"""`blueprint keys issue` and `blueprint tls issue`: secrets into a stack's encrypted config."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from components.blueprint.load import load_stack, stack_file
from components.blueprint.plan import KEYS_SECRET, TLS_SECRET
from components.problems import PlanError, Problem, nearest

from .certificates import issue_certificate as new_certificate
from .keys import new_key
from .pulumi_cli import PulumiCli


def issue_key(stack: str, tenant: str, days: int) -> str:
    """Make a key for a tenant of `stack`; raises PlanError where there is no such tenant."""
    spec, _ = load_stack(stack_file(stack))
    tenants = spec.gateway.tenants
    if tenant not in tenants:
        fix = f"{nearest(tenant, tenants)}Known: {', '.join(tenants)}."
        raise PlanError([Problem("TENANT", f"{stack} has no tenant {tenant!r}", fix)])
    return add_key(PulumiCli(stack=stack), stack, tenant, days)


def issue_certificate(stack: str, days: int) -> str:
    """Make CA and certificate for the gateway of `stack`; return the CA's certificate."""
    spec, _ = load_stack(stack_file(stack))
    if spec.gateway.tls.mode != "private-ca":
        what = f"mode {spec.gateway.tls.mode} brings a certificate of its own"
        raise PlanError(
            [Problem("gateway.tls.mode", what, "Use mode private-ca, or none of ours.")]
        )
    return add_certificate(PulumiCli(stack=stack), spec.gateway.tls.dns_names, days)


def add_key(cli: PulumiCli, stack: str, tenant: str, days: int) -> str:
    """Add the hash of a new key to the stack's config; the key is only what this returns."""
    key, digest = new_key(stack)
    expires = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    table = _keys(cli) | {digest: {"tenant": tenant, "expires": expires}}
    cli.set_secret(KEYS_SECRET, json.dumps(table, sort_keys=True))
    return key


def add_certificate(cli: PulumiCli, dns_names: Sequence[str], days: int) -> str:
    """Put a new certificate into the stack's config; return the CA's, which clients trust."""
    certificate = new_certificate(dns_names, days=days)
    cli.set_secret(TLS_SECRET, certificate)
    authority: str = json.loads(certificate)["ca.crt"]
    return authority


def tenants_with_keys(cli: PulumiCli) -> set[str]:
    """Name the tenants that have a key in the stack's config, expired ones included."""
    return {entry["tenant"] for entry in _keys(cli).values()}


def _keys(cli: PulumiCli) -> dict[str, Any]:
    text = cli.secret(KEYS_SECRET)
    table: dict[str, Any] = json.loads(text) if text else {}
    return table
