"""Server-sent events out of pieces of a body, as the streams of engines use them."""

from __future__ import annotations

from collections.abc import Iterator

_DATA = b"data:"


class Events:
    """Feed it pieces as they come; it gives the data of each event that is complete.

    Of the format (https://html.spec.whatwg.org/multipage/server-sent-events.html) it reads what
    OpenAI-compatible engines send: one `data:` line per event; comments and other fields are
    skipped.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                yield line[len(_DATA) :].strip()
