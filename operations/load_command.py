"""The flags of `blueprint load`; what they mean is decided in operations/load/."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from components.problems import PlanError, Problem

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from collections.abc import Callable, Sequence

    from .load import Profile, Result, Target

SERVED, LOST, NO_WORK, INTERRUPTED = 0, 1, 2, 130
First = TypeVar("First")
Second = TypeVar("Second")


def _option(text: str, *names: str) -> Any:  # noqa: ANN401  # typer's own type is not exported
    return typer.Option(*names, help=text)


def load(  # noqa: PLR0913  # one parameter per flag
    *,
    requests_per_second: Annotated[float, _option("requests per second")] = 2.0,
    duration_seconds: Annotated[float, _option("how long requests are offered")] = 10.0,
    arrivals: Annotated[str, _option("poisson or constant")] = "poisson",
    lengths: Annotated[list[str], _option("PROMPT:OUTPUT tokens, @WEIGHT; repeat for a mix")] = [  # noqa: B006  # typer copies it
        "128:64"
    ],
    model: Annotated[list[str] | None, _option("NAME, @WEIGHT; all that are listed")] = None,
    streaming_share: Annotated[float, _option("share of requests that stream, 0 to 1")] = 1.0,
    timeout_seconds: Annotated[float, _option("seconds from when a request is due")] = 60.0,
    max_in_flight: Annotated[int, _option("most requests at once")] = 512,
    keep_alive: Annotated[bool, _option("off is a connection per request")] = True,
    seed: Annotated[int, _option("the same seed offers the same")] = 0,
    access: Annotated[Path | None, _option("access.json of `make up`")] = None,
    tenant: Annotated[list[str] | None, _option("whose keys take turns; the first")] = None,
    url: Annotated[str | None, _option("instead of access.json: http(s)://HOST[:PORT]")] = None,
    ca_file: Annotated[Path | None, _option("the CA of --url, as PEM")] = None,
    key_file: Annotated[Path | None, _option("a file with the key of --url")] = None,
    allow_host: Annotated[str | None, _option("a host of --url beyond this machine")] = None,
    as_json: Annotated[bool, _option("print one JSON document (schema 1)", "--json")] = False,
) -> None:
    """Offer requests at a rate, whatever comes back, and report latencies and losses."""
    said = dict(locals())
    from . import output

    try:
        result, interrupted = _run(*both(lambda: _target(said), lambda: _profile(said)))
    except PlanError as refused:
        output.show_refusal(refused, as_json=as_json)
        raise typer.Exit(NO_WORK) from None
    raise typer.Exit(_show(result, interrupted=interrupted, as_json=as_json))


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Do both, and raise the problems of both."""
    try:
        done = first()
    except PlanError as refused:
        try:
            second()
        except PlanError as also:
            raise PlanError([*refused.problems, *also.problems]) from None
        raise
    return done, second()


def _target(said: dict[str, Any]) -> Target:
    from .access import ACCESS
    from .load.target import Target, read_key, target_of_access

    if said["url"] is None:
        names = [name for name in ("ca_file", "key_file", "allow_host") if said[name] is not None]
        if names:
            raise PlanError([Problem(n, "it goes with --url only", "Add --url.") for n in names])
        return target_of_access(said["access"] or ACCESS, tenants=said["tenant"] or ())
    keys = () if said["key_file"] is None else (read_key(said["key_file"]),)
    return Target(
        url=said["url"], keys=keys, ca_file=said["ca_file"], allowed_host=said["allow_host"]
    )


def _profile(said: dict[str, Any]) -> Profile:
    from .load.profile import Profile, parse_lengths, parse_model

    form = "Write it as {}; a weight is a number over 0."
    same = (field.name for field in fields(Profile) if field.name not in {"lengths", "models"})
    return Profile(
        lengths=_parsed("lengths", said["lengths"], parse_lengths, form.format("128:64@3")),
        models=_parsed("model", said["model"] or (), parse_model, form.format("NAME@3")),
        **{name: said[name] for name in same},
    )


def _parsed(
    name: str, texts: Sequence[str], parse: Callable[[str], First], fix: str
) -> tuple[First, ...]:
    try:
        return tuple(parse(text) for text in texts)
    except ValueError:
        raise PlanError([Problem(name, "one cannot be read", fix)]) from None


def _run(target: Target, profile: Profile) -> tuple[Result, bool]:
    from .load import Load

    with Load(target, profile) as load:
        try:
            return load.wait(), False
        except KeyboardInterrupt:
            return load.abandon(), True


def _show(result: Result, *, interrupted: bool, as_json: bool) -> int:
    from . import output
    from .load import report

    verdict = "interrupted" if interrupted else "served" if result.all_served else "lost"
    if as_json:
        output.print_json(verdict, **report.document(result))
    else:
        output.open_console().print(report.shown(result))
    if interrupted:
        return INTERRUPTED
    if not result.measures.offered:
        return NO_WORK
    return SERVED if result.all_served else LOST
