"""A request to the engine, from an OpenAI body; RefusedError where vLLM would refuse it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import tokens
from .answering import Answer
from .blocks import prefix_keys
from .options import BLOCK_TOKENS
from .refusals import (
    RefusedError,
    check_combinations,
    check_sampling,
    check_types,
    invalid,
    room_for,
)

DEFAULT_ANSWER_TOKENS = 64  # vLLM would go on to the end of the context


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request: its prompts, and what is to come of each."""

    id: str
    model: str
    chat: bool
    stream: bool
    usage: bool  # at the end of a stream
    usage_always: bool  # and in each chunk
    echo: tuple[str, ...]  # the prompts' own text, where it is to be repeated
    answers: tuple[Answer, ...]

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompts, each once however many answers it gets."""
        return sum(answer.prompt_tokens for answer in self.answers[:: self.answers[0].n])


def check_model(body: Mapping[str, Any], options: argparse.Namespace) -> str:
    names: list[str] = options.served_model_name
    model = body.get("model") or names[0]
    if model not in names:
        # vLLM quotes the name; this one never repeats what it was sent.
        raise RefusedError(404, "The model does not exist.", "NotFoundError", "model")
    return str(model)


def ask_of(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    options: argparse.Namespace,
    *,
    chat: bool,
) -> Ask:
    check_types(body)
    check_combinations(body, chat=chat)
    prompts = [_chat_tokens(body)] if chat else _prompts(body)
    model = check_model(body, options)
    asked = body.get("max_completion_tokens") if chat else None
    asked = body.get("max_tokens") if asked is None else asked
    answers = [a for prompt in prompts for a in _answers(body, headers, options, prompt, asked)]
    for index, answer in enumerate(answers):
        answer.index, answer.events = index, answers[0].events
    wanted, stream = body.get("stream_options") or {}, bool(body.get("stream"))
    usage = stream and (options.force_include_usage or bool(wanted.get("include_usage")))
    name = headers.get("x-request-id") or body.get("request_id") or os.urandom(16).hex()
    return Ask(
        id=f"{'chatcmpl' if chat else 'cmpl'}-{name}",
        model=model,
        chat=chat,
        stream=stream,
        usage=usage,
        usage_always=usage
        and (options.force_include_usage or bool(wanted.get("continuous_usage_stats"))),
        echo=tuple(map(tokens.decode, prompts)) if body.get("echo") and not chat else (),
        answers=tuple(answers),
    )


def _answers(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    options: argparse.Namespace,
    prompt: list[int],
    asked: int | None,
) -> list[Answer]:
    room = room_for(options.context_tokens, len(prompt), asked)
    most = min(DEFAULT_ANSWER_TOKENS, room) if asked is None else min(int(asked), room)
    check_sampling(body, most)
    stop, n = body.get("stop") or (), int(body.get("n") or 1)
    return [
        answer_to(
            prompt,
            options,
            max_tokens=most,
            natural_end=asked is None,
            n=n,
            priority=_priority(body, headers),
            stops=(stop,) if isinstance(stop, str) else tuple(stop),
            reasoning=options.reasoning and "messages" in body,
        )
        for _ in range(n)
    ]


def answer_to(prompt: list[int], options: argparse.Namespace, **more: Any) -> Answer:  # noqa: ANN401  # fields of Answer
    keys = [] if options.no_prefix_cache else prefix_keys(prompt, BLOCK_TOKENS)
    return Answer(arrival=time.monotonic(), keys=keys, prompt_tokens=max(1, len(prompt)), **more)


def _priority(body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    """Trust the header, as vLLM does: a gateway has to strip it."""
    try:
        return int(headers["x-vllm-priority"])
    except (KeyError, ValueError):
        return int(body.get("priority") or 0)


def _chat_tokens(body: Mapping[str, Any]) -> list[int]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise invalid("messages", "Input should be a valid list")
    found: list[int] = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise invalid("messages", "Input should be a valid dictionary with a role")
        found += tokens.of_content(message.get("content"))
    if not messages:
        raise RefusedError(400, "messages should hold at least one message.", param="messages")
    return found


def _prompts(body: Mapping[str, Any]) -> list[list[int]]:
    prompt = body.get("prompt")
    if not prompt:
        raise RefusedError(
            400, "Either prompt or prompt_embeds must be provided and non-empty.", param="prompt"
        )
    if isinstance(prompt, str):
        return [tokens.encode(prompt)]
    if isinstance(prompt, list):
        if all(type(part) is int and part >= 0 for part in prompt):
            return [prompt]
        if all(isinstance(part, str) for part in prompt):
            return [tokens.encode(part) for part in prompt]
        lists = [part for part in prompt if isinstance(part, list) and part]
        if len(lists) == len(prompt) and all(type(t) is int and t >= 0 for p in lists for t in p):
            return lists
    raise invalid("prompt", "Input should be a string, a list of strings, or of tokens")
