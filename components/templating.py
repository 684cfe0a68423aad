"""One Jinja environment for every template: dumb loops over a finished plan."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parents[1] / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,  # a name that the plan lacks is an error, not an empty string
        autoescape=False,  # noqa: S701  # nothing rendered here is HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_template(name: str, **values: object) -> str:
    """Render `templates/<name>`; raises jinja2.UndefinedError for a value that is not given."""
    return _environment().get_template(name).render(**values)
