"""`python -m rehearsal up|down`, behind `make up` and `make down`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.problems import PlanError
from operations.output import show_failure, show_refusal

from .workspace import STATE

INTERRUPTED = 130  # 128 + SIGINT, as shells count
Folder = Annotated[Path, typer.Option(help="where everything that is made lies")]
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def up(
    stack: Annotated[str, typer.Option(help="stacks/Pulumi.STACK.yaml")] = "rehearsal",
    folder: Folder = STATE,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="of a cluster that exists; an embedded one if absent")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="port of the API server; free if absent")] = (
        None
    ),
) -> None:
    """Deploy a stack to an embedded Kubernetes on this machine, or to a cluster that exists."""
    from .up import up as deploy

    raise typer.Exit(deploy(stack, folder.absolute(), api_port, kubeconfig))


@app.command()
def down(folder: Folder = STATE) -> None:
    """Take down what `up` made: the embedded Kubernetes, or the stack on a cluster that exists."""
    from .up import down as stop

    raise typer.Exit(stop(folder.absolute()))


def main() -> None:
    """Run a command; whatever goes wrong is told without a traceback."""
    # A terminated command cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(standalone_mode=True)
    except PlanError as refused:
        show_refusal(refused, as_json=False)
        sys.exit(1)
    except OSError as error:
        show_failure(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
