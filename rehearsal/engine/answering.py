"""One answer in the making: what the batch knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from . import tokens

WORDS = ("The ", "simulator ", "computes ", "nothing. ", "模", "拟", "器", "不", "计", "算", "吧 ")
THOUGHTS = ("It ", "thinks ", "nothing, ", "也", "不", "想. ")
GARBAGE = "!"  # what engines say when their logits are NaN


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    reasons: bool = False  # a token of the reasoning
    number: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """Why an answer ends: stop, length or error."""

    reason: str
    stop: str | None = None  # the stop string that was met


Event = Token | End


def words(count: int, *, reasoning: bool) -> Iterator[Token]:
    """Say `count` tokens; with reasoning, the first ones are thoughts."""
    thoughts = THOUGHTS[: count // 2] if reasoning else ()
    for thought in thoughts:
        yield Token(thought, reasons=True, number=tokens.one(thought))
    for position in range(count - len(thoughts)):
        word = WORDS[position % len(WORDS)]
        yield Token(word, number=tokens.one(word))


@dataclass(eq=False, slots=True)
class Answer:
    """Times are seconds of the loop's clock."""

    arrival: float
    keys: Sequence[int]  # of the full blocks of its prompt
    prompt_tokens: int
    max_tokens: int
    natural_end: bool  # it ends by itself at max_tokens: `stop`, not `length`
    priority: int = 0
    stops: tuple[str, ...] = ()
    reasoning: bool = False
    n: int = 1
    index: int = 0  # among the answers to its request, which share a queue
    events: asyncio.Queue[tuple[int, Event]] = field(default_factory=asyncio.Queue)
    held: list[int] = field(default_factory=list)
    computed: int = 0  # tokens in the KV cache
    made: int = 0
    cached: int = 0  # of the prompt, found in the cache at first
    started: float | None = None
    first: float | None = None
    last: float = 0
    preemptions: int = 0
    ended: str | None = None
    told: int = 0  # tokens that were taken from the queue
    text: str = ""  # the end of the answer, as far as stop strings reach
    source: Iterator[Token] = field(init=False)

    def __post_init__(self) -> None:
        self.source = words(self.max_tokens, reasoning=self.reasoning)

    @property
    def done(self) -> bool:
        return self.ended is not None

    @property
    def length(self) -> int:
        """Tokens that have to be in the cache before the next one can be made."""
        return self.prompt_tokens + self.made

    @property
    def decodes(self) -> bool:
        return self.made > 0 and self.computed >= self.length - 1

    def block_keys(self, length: int, block_tokens: int) -> list[int]:
        """Give the blocks that it needs beyond those it holds for `length` tokens."""
        needed = range(len(self.held), -(-length // block_tokens))
        return [self.keys[index] if index < len(self.keys) else 0 for index in needed]

    def say(self, *, garbage: bool) -> Token:
        """Make one token; sets `ended` and queues an end where it was the last."""
        token = next(self.source)
        if garbage:
            token = Token(GARBAGE, reasons=token.reasons, number=tokens.one(GARBAGE))
        self.made += 1
        self.text += "" if token.reasons else token.text
        met = next((stop for stop in self.stops if stop in self.text), None)
        if met is not None:
            kept = self.text.index(met) - (len(self.text) - len(token.text))
            token = Token(token.text[: max(0, kept)], number=token.number)
        self.events.put_nowait((self.index, token))
        longest = max(map(len, self.stops), default=0)
        self.text = self.text[-longest:] if longest else ""
        if met is not None or self.made == self.max_tokens:
            ends = met is not None or self.natural_end
            self.finish(End("stop" if ends else "length", met))
        return token

    def finish(self, end: End) -> None:
        self.ended = end.reason
        self.events.put_nowait((self.index, end))
