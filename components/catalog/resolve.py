"""From what people type to a model in one precision: ids, and names of repositories. Pure."""

from __future__ import annotations

from functools import cache
from typing import get_args

from ..problems import Problem, nearest
from .load import models
from .schema import Model, Precision


@cache
def repositories() -> dict[str, tuple[str, Precision]]:
    """Map every known repository to its model and precision; they are unlike each other."""
    return {
        repository: (model.name, precision)
        for model in models().values()
        for precision, checkpoint in model.checkpoints.items()
        for repository in (checkpoint.repository, *checkpoint.also)
        if "/" in repository
    }


@cache
def model_names() -> dict[str, Model]:
    """Everything that `find_model` knows, ids and repositories, with the model."""
    return {**models(), **{name: models()[owner] for name, (owner, _) in repositories().items()}}


def find_model(name: str, precision: str | None = None) -> Model | Problem:
    """Find a model by id or repository, in the precision that is asked or native.

    A quantised repository fixes the precision; asking for another one is a contradiction.
    """
    found, fixed = (name, None) if name in models() else repositories().get(name, (None, None))
    if found is None:
        listed = f"{nearest(name, model_names())}Known: {', '.join(sorted(models()))}."
        return Problem("model", f"there is no model {name!r}", listed)
    model = models()[found]
    chosen = precision or fixed
    if chosen is None:
        return model
    if chosen not in model.checkpoints:
        return _no_such_precision(model, chosen)
    if fixed is not None and precision not in (None, fixed):
        fix = f"Say {model.name} to choose among {', '.join(model.checkpoints)}."
        return Problem("precision", f"{name} is the {fixed} checkpoint, not {precision}", fix)
    in_precision = model.in_precision(_precision(chosen))
    return in_precision.in_repository(name) if name in repositories() else in_precision


def _no_such_precision(model: Model, word: str) -> Problem:
    known = ", ".join(model.checkpoints)
    if word in get_args(Precision):
        fix = f"Choose one of {known}."
        return Problem("precision", f"nobody publishes {model.name} in {word}", fix)
    return Problem(
        "precision",
        f"there is no precision {word!r}",
        f"{nearest(word, get_args(Precision))}{model.name} has {known}.",
    )


def _precision(word: str) -> Precision:
    return next(known for known in get_args(Precision) if known == word)
