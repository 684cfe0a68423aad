"""OpenAI's documents, with vLLM's own fields, and a fingerprint that says what made them."""

from __future__ import annotations

import time
from typing import Any

from .answering import End, Token
from .asking import Ask
from .web import dumps

NAME = "simulator"


def usage_of(prompt_tokens: int, made: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + made,
        "completion_tokens": made,
    }


class Reply:
    """The documents of one request."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        kind = ("chat.completion" + ".chunk" * ask.stream) if ask.chat else "text_completion"
        self._head = {
            "id": ask.id,
            "object": kind,
            "created": int(time.time()),
            "model": ask.model,
            "system_fingerprint": NAME,
        }
        # A chunk is written for every token: what never changes is written once.
        self._start = f'data: {dumps(self._head)[:-1]},"choices":[{{"index":'

    def whole(self, texts: list[list[Token]], ends: list[End]) -> dict[str, Any]:
        """Put the whole answer together."""
        choices = [self._choice(i, t, e) for i, (t, e) in enumerate(zip(texts, ends, strict=True))]
        made = sum(answer.made for answer in self.ask.answers)
        usage = usage_of(self.ask.prompt_tokens, made)
        return {**self._head, "choices": choices, "usage": usage}

    def _choice(self, index: int, said: list[Token], end: End) -> dict[str, Any]:
        text = "".join(token.text for token in said if not token.reasons)
        thoughts = "".join(token.text for token in said if token.reasons)
        echo = self.ask.echo[index // self.ask.answers[0].n] if self.ask.echo else ""
        message = {"role": "assistant", "content": text, "reasoning": thoughts or None}
        content = {"message": message} if self.ask.chat else {"text": echo + text}
        return {
            "index": index,
            **content,
            "logprobs": None,
            "finish_reason": end.reason,
            "stop_reason": end.stop,
        }

    def first(self, index: int) -> bytes:
        """Open a choice of a chat with its role."""
        return self._event(index, '"delta":{"role":"assistant","content":""}', None, 0)

    def echo(self, index: int) -> bytes:
        text = self.ask.echo[index // self.ask.answers[0].n]
        return self._event(index, f'"text":{dumps(text)}', None, 0)

    def token(self, index: int, token: Token, end: End | None, made: int) -> bytes:
        text = dumps(token.text)
        if self.ask.chat:
            field = "reasoning" if token.reasons else "content"
            return self._event(index, f'"delta":{{"{field}":{text}}}', end, made)
        return self._event(index, f'"text":{text}', end, made)

    def _event(self, index: int, content: str, end: End | None, made: int) -> bytes:
        reason = "null"
        if end:
            reason = f'{dumps(end.reason)},"stop_reason":{dumps(end.stop)}'
        usage = ""
        if self.ask.usage_always:
            read = self.ask.answers[index].prompt_tokens
            usage = f',"usage":{dumps(usage_of(read, made))}'
        rest = f'{content},"logprobs":null,"finish_reason":{reason}}}]{usage}}}\n\n'
        return f"{self._start}{index},{rest}".encode()

    def last_usage(self) -> bytes:
        made = sum(answer.made for answer in self.ask.answers)
        usage = usage_of(self.ask.prompt_tokens, made)
        return f"data: {dumps({**self._head, 'choices': [], 'usage': usage})}\n\n".encode()
