"""Text to tokens and back: four bytes of UTF-8 are a token, near enough for English and Chinese."""

from __future__ import annotations

import json
from functools import cache

BYTES_OF_A_TOKEN = 4
_LENGTH_MARK = b"\x01"  # keeps leading zero bytes of a token


def encode(text: str) -> list[int]:
    """Give the numbers of the tokens; `decode` gives the text back."""
    data = text.encode("utf-8", "surrogatepass")
    starts = range(0, len(data), BYTES_OF_A_TOKEN)
    return [int.from_bytes(_LENGTH_MARK + data[at : at + BYTES_OF_A_TOKEN]) for at in starts]


@cache
def one(text: str) -> int:
    """Give the number of a word of an answer: a token, whatever its length."""
    return int.from_bytes(_LENGTH_MARK + text.encode())


def decode(tokens: list[int]) -> str:
    """Give the text of these tokens; what is no text is replaced."""
    parts = [token.to_bytes((token.bit_length() + 7) // 8 or 1)[1:] for token in tokens]
    return b"".join(parts).decode("utf-8", "replace")


def of_content(content: object) -> list[int]:
    """Give the tokens of a message's content, which may be a list of parts."""
    if content is None or content == "":
        return []
    is_text = isinstance(content, str)
    return encode(str(content) if is_text else json.dumps(content, ensure_ascii=False))
