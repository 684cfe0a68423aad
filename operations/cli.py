"""`blueprint`: what people run around `pulumi up`. Exit 0 yes, 1 no, 2 could not do its work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from components.problems import PlanError

from . import fit_command, load_command, output, top_command
from .verify import command as verify_command

app = typer.Typer(
    name="blueprint",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Plan, check, render and verify DeepSeek serving stacks; issue keys and certificates.",
)
keys = typer.Typer(no_args_is_help=True, help="API keys of tenants; only their hashes are kept.")
tls = typer.Typer(no_args_is_help=True, help="The certificate of a gateway with mode private-ca.")
app.add_typer(keys, name="keys")
app.add_typer(tls, name="tls")

Stack = Annotated[str, typer.Argument(metavar="STACK", help="stacks/Pulumi.STACK.yaml")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document (schema 1)")]


@app.command()
def check(stack: Stack, *, as_json: Json = False) -> None:
    """Plan a stack: print its summary and warnings, or every problem."""
    from . import check as checking

    output.show_check(checking.check_stack(stack), as_json=as_json)


app.command("fit")(fit_command.fit)
app.command("verify")(verify_command.verify)
app.command("load")(load_command.load)
app.command("top")(top_command.top)


@app.command()
def render(
    stack: Stack,
    out: Annotated[Path, typer.Option(help="folder to write; what is in it is replaced")],
    *,
    as_json: Json = False,
) -> None:
    """Write every text of a stack: plan.json, manifests, nginx.conf. Offline, without secrets."""
    from . import render as rendering

    sys.unraisablehook = rendering.without_event_loops
    output.show_paths(rendering.render_stack(stack, out), as_json=as_json)


@keys.command("issue")
def issue_key(
    stack: Stack,
    tenant: Annotated[str, typer.Argument(help="a tenant of the stack")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="days until it expires")] = 365,
) -> None:
    """Make a key for a tenant, print it once, and keep its hash in the stack's config."""
    from . import issuing

    typer.echo(issuing.issue_key(stack, tenant, days))


@tls.command("issue")
def issue_certificate(
    stack: Stack,
    days: Annotated[int, typer.Option(min=1, max=3650, help="days until it expires")] = 365,
) -> None:
    """Make a private CA and a certificate, and print the CA's certificate for clients."""
    from . import issuing

    typer.echo(issuing.issue_certificate(stack, days), nl=False)


def main() -> None:
    """Run a command; whatever goes wrong is told without a traceback."""
    try:
        app(standalone_mode=True)
    except PlanError as refused:
        output.show_refusal(refused, as_json="--json" in sys.argv)
        sys.exit(1)
    except OSError as error:
        output.show_failure(error)
        sys.exit(2)
