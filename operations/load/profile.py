"""What is offered and when: decided before anything is sent, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from components.problems import PlanError, Problem

Arrivals = Literal["poisson", "constant"]
# Hard caps: a wrong digit must not become an attack, nor fill the memory of this machine.
MAX_REQUESTS_PER_SECOND = 1000.0
MAX_DURATION_SECONDS = 3600.0
MAX_IN_FLIGHT = 4096
MAX_TIMEOUT_SECONDS = 3600.0
MAX_TOKENS = 131_072
LEAST_REQUESTS_PER_SECOND = 0.001


@dataclass(frozen=True, slots=True)
class Lengths:
    """One kind of request: tokens of its prompt, most tokens of its answer, and how often."""

    prompt_tokens: int
    output_tokens: int
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """An open loop: requests arrive when they are due, whether or not others have ended.

    `models` are pairs of name and weight; none means every model that the target lists.
    `streaming_share` (0 to 1) of the requests stream. With `keep_alive` off each request has a
    connection of its own, so that a balancer of connections spreads them.
    """

    requests_per_second: float = 2.0
    duration_seconds: float = 10.0
    arrivals: Arrivals = "poisson"
    lengths: Sequence[Lengths] = (Lengths(128, 64),)
    models: Sequence[tuple[str, float]] = ()
    streaming_share: float = 1.0
    timeout_seconds: float = 60.0
    max_in_flight: int = 512
    keep_alive: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise PlanError with everything that is wrong."""
        if problems := tuple(_problems(self)):
            raise PlanError(problems)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: due `at_seconds` after the start."""

    at_seconds: float
    model: str
    prompt_tokens: int
    output_tokens: int
    stream: bool
    number: int


@dataclass(frozen=True)
class Prompts:
    """Texts that no cache has seen, of four bytes per token: a three-letter word and a space."""

    seed: int
    largest: int
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        letters = random.Random(f"prompts {self.seed}")  # noqa: S311  # load, not a secret
        words = ("".join(letters.choices("abcdefghijklmnop", k=3)) for _ in range(2 * self.largest))
        object.__setattr__(self, "_text", " ".join(words) + " ")

    def text(self, arrival: Arrival) -> str:
        """Cut one of about `arrival.prompt_tokens` tokens; its first words are its number."""
        begin, length = 4 * (arrival.number % self.largest), 4 * arrival.prompt_tokens
        return f"{arrival.number} {self._text[begin : begin + length]}"[:length]


def schedule(profile: Profile, models: Sequence[tuple[str, float]]) -> Iterator[Arrival]:
    """Yield every request in the order of its time; lazily, as there may be millions."""
    chance = random.Random(profile.seed)  # noqa: S311  # load, not a secret
    lengths_weights = [lengths.weight for lengths in profile.lengths]
    names, model_weights = [name for name, _ in models], [weight for _, weight in models]
    gap, at, number = 1 / profile.requests_per_second, 0.0, 0
    while True:
        if profile.arrivals == "poisson":
            at += chance.expovariate(profile.requests_per_second)
        else:
            at = number * gap
        if at >= profile.duration_seconds:
            return
        [lengths] = chance.choices(profile.lengths, lengths_weights)
        [model] = chance.choices(names, model_weights)
        stream = chance.random() < profile.streaming_share
        yield Arrival(at, model, lengths.prompt_tokens, lengths.output_tokens, stream, number)
        number += 1


def parse_lengths(text: str) -> Lengths:
    """Read PROMPT:OUTPUT[@WEIGHT]; ValueError otherwise."""
    words, weight = _weighted(text)
    prompt, _, output = words.partition(":")
    return Lengths(int(prompt), int(output), weight)


def parse_model(text: str) -> tuple[str, float]:
    """Read NAME[@WEIGHT]; ValueError otherwise."""
    name, weight = _weighted(text)
    if not name:
        raise ValueError("no name")
    return name, weight


def _weighted(text: str) -> tuple[str, float]:
    words, at, weight = text.partition("@")
    return words, float(weight) if at else 1.0


def _problems(profile: Profile) -> Iterator[Problem]:
    ranges = {
        "requests_per_second": (LEAST_REQUESTS_PER_SECOND, MAX_REQUESTS_PER_SECOND),
        "duration_seconds": (0.1, MAX_DURATION_SECONDS),
        "streaming_share": (0, 1),
        "timeout_seconds": (0.1, MAX_TIMEOUT_SECONDS),
        "max_in_flight": (1, MAX_IN_FLIGHT),
    }
    for name, (least, most) in ranges.items():
        value = getattr(profile, name)
        if not least <= value <= most:  # so is NaN
            yield Problem(name, f"{value} is out of range", f"Give {least:g} to {most:g}.")
    if profile.arrivals not in {"poisson", "constant"}:
        yield Problem("arrivals", f"{profile.arrivals!r} is unknown", "Give poisson or constant.")
    if not profile.lengths:
        yield Problem("lengths", "there are none", "Give at least one pair of lengths.")
    for lengths in profile.lengths:
        for tokens in (lengths.prompt_tokens, lengths.output_tokens):
            if not 1 <= tokens <= MAX_TOKENS:
                yield Problem(
                    "lengths", f"{tokens} tokens are out of range", f"Give 1 to {MAX_TOKENS}."
                )
    weights = [lengths.weight for lengths in profile.lengths] + [w for _, w in profile.models]
    if not all(0 < weight < float("inf") for weight in weights):
        yield Problem("weights", "one is not a positive number", "Give a number over 0 after @.")
