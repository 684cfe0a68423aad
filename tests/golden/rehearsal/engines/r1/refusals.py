"""What vLLM 0.32 refuses about a body, in its order and with its words. No text of a body in them.

Sources: vLLM sampling_params.py `_verify_args`, entrypoints/openai/*/protocol.py, and
renderers/params.py. What pydantic refuses has the type "Bad Request", all else "BadRequestError".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

MOST_ANSWERS = 16384  # VLLM_MAX_N_SEQUENCES
_MOST_INT64 = 2**63 - 1
NUMBERS = {
    **dict.fromkeys(("frequency_penalty", "presence_penalty", "temperature", "top_p"), float),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "n", "priority", "top_k", "seed"), int),
    **dict.fromkeys(("min_tokens", "top_logprobs"), int),
}
FLAGS = ("stream", "echo", "include_reasoning")


class RefusedError(Exception):
    def __init__(
        self, status: int, message: str, kind: str = "BadRequestError", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param

    def document(self) -> dict[str, Any]:
        fields = {"message": str(self), "type": self.kind, "param": self.param, "code": self.status}
        return {"error": fields, "system_fingerprint": "simulator"}


def invalid(field: str, what: str) -> RefusedError:
    """Say it as pydantic does."""
    message = f"1 validation error:\n  {{'loc': 'body.{field}', 'msg': '{what}'}}"
    return RefusedError(400, message, "Bad Request", f"body.{field}")


def body_of(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):  # its message would quote the text
        raise RefusedError(
            400, "1 validation error:\n  {'msg': 'JSON decode error'}", "Bad Request", "body"
        ) from None
    if not isinstance(body, dict):
        raise RefusedError(
            400,
            "1 validation error:\n  {'msg': 'Input should be an object'}",
            "Bad Request",
            "body",
        )
    return body


def check_types(body: Mapping[str, Any]) -> None:
    for field, kind in NUMBERS.items():
        value = body.get(field)
        fits = isinstance(value, int) or (isinstance(value, float) and kind is float)
        if value is not None and not (fits or (isinstance(value, float) and value == int(value))):
            raise invalid(
                field, f"Input should be a valid {'integer' if kind is int else 'number'}"
            )
        if kind is int and value is not None and abs(value) > _MOST_INT64:
            raise invalid(field, "Input should be a 64-bit integer")
    for field in FLAGS:
        if not isinstance(body.get(field), bool | None):
            raise invalid(field, "Input should be a valid boolean")
    if not isinstance(body.get("stream_options"), dict | None):
        raise invalid("stream_options", "Input should be a valid dictionary")
    stop = body.get("stop")
    if not isinstance(stop, str | list | None) or not all(isinstance(s, str) for s in stop or ()):
        raise invalid("stop", "Input should be a valid string")


def check_combinations(body: Mapping[str, Any], *, chat: bool) -> None:
    if body.get("stream_options") and not body.get("stream"):
        raise RefusedError(
            400,
            "Stream options can only be defined when `stream=True`.",
            param="stream_options",
        )
    if not chat:
        return
    if body.get("top_logprobs") and not body.get("logprobs"):
        raise RefusedError(
            400,
            "when using `top_logprobs`, `logprobs` must be set to true.",
            param="top_logprobs",
        )
    if body.get("tools") == []:
        raise RefusedError(
            400,
            "`tools` must not be an empty array. "
            "Either provide at least one tool or omit the field entirely.",
            param="tools",
        )
    if body.get("tool_choice") not in {None, "none"} and not body.get("tools"):
        raise RefusedError(
            400, "When using `tool_choice`, `tools` must be set.", param="tool_choice"
        )
    if body.get("response_format") == {"type": "json_schema"}:
        raise RefusedError(
            400,
            "When response_format type is 'json_schema', the 'json_schema' field must be provided.",
            param="response_format",
        )
    if body.get("continue_final_message") and body.get("add_generation_prompt", True):
        raise RefusedError(
            400,
            "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
        )


def _given(body: Mapping[str, Any], field: str, default: float) -> float:
    value = body.get(field)
    return default if value is None else value


def check_sampling(body: Mapping[str, Any], max_tokens: int) -> None:
    n, temperature = _given(body, "n", 1), _given(body, "temperature", 1)
    if not 1 <= n <= MOST_ANSWERS:
        bound = "at least 1" if n < 1 else f"at most {MOST_ANSWERS}"
        raise RefusedError(400, f"n must be {bound}, got {n}.")
    for field in ("presence_penalty", "frequency_penalty"):
        if not -2 <= (value := _given(body, field, 0)) <= 2:  # noqa: PLR2004  # OpenAI's range
            raise RefusedError(400, f"{field} must be in [-2, 2], got {value}.")
    if why := _temperature(temperature):
        raise RefusedError(400, f"temperature {why}, got {temperature}.", param="temperature")
    if not 0 < (top_p := _given(body, "top_p", 1)) <= 1:
        raise RefusedError(400, f"top_p must be in (0, 1], got {top_p}.", param="top_p")
    if (top_k := _given(body, "top_k", 0)) < -1:
        raise RefusedError(400, f"top_k must be 0 (disable), or at least 1, got {top_k}.")
    _check_lengths(body, max_tokens)
    if temperature == 0 and n > 1:
        raise RefusedError(400, f"n must be 1 when using greedy sampling, got {n}.")


def _temperature(value: float) -> str:
    if not isfinite(value):
        return "must be a finite number"
    if value < 0:
        return "must be non-negative"
    return "must be in [0, 2]" if value > 2 else ""  # noqa: PLR2004  # vLLM's bound


def _check_lengths(body: Mapping[str, Any], max_tokens: int) -> None:
    if max_tokens < 1:
        raise RefusedError(
            400, f"max_tokens must be at least 1, got {max_tokens}.", param="max_tokens"
        )
    least = _given(body, "min_tokens", 0)
    if not 0 <= least <= max_tokens:
        most = f"less than or equal to max_tokens={max_tokens}"
        bound = "greater than or equal to 0" if least < 0 else most
        raise RefusedError(400, f"min_tokens must be {bound}, got {least}.")
    stop = body.get("stop")
    if "" in ([stop] if isinstance(stop, str) else stop or []):
        raise RefusedError(400, "stop cannot contain an empty string.")


def room_for(context_tokens: int, prompt_tokens: int, asked: int | None) -> int:
    """Give the most tokens that the answer can have, at least one."""
    if asked is not None and asked > context_tokens:
        raise RefusedError(
            400,
            f"max_tokens={asked} cannot be greater than max_model_len={context_tokens}. "
            "Please request fewer output tokens.",
            param="max_tokens",
        )
    if prompt_tokens > context_tokens - 1:
        raise RefusedError(
            400,
            f"This model's maximum context length is {context_tokens} tokens. However, your prompt "
            f"contains {prompt_tokens} input tokens. Please reduce the length of the input prompt.",
            param="input_tokens",
        )
    return context_tokens - prompt_tokens
