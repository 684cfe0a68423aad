"""A model server that computes nothing: the API, the refusals and the manners of vLLM 0.32.

One file of the standard library, because the rehearsal ships it into pods as text. It says that it
is a simulator in every answer, and it never prints a prompt.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "simulator"
WORDS = ("The ", "simulator ", "computes ", "nothing. ", "模", "拟", "器", "不", "计", "算", "吧 ")
DEFAULT_ANSWER_TOKENS = 64  # vLLM would go on to the end of the context
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
WHOLE = ("max_completion_tokens", "max_tokens", "n")
RANGES = {  # top_p alone must be more than its least
    **dict.fromkeys(WHOLE, (1, float("inf"))),
    **dict.fromkeys(("frequency_penalty", "presence_penalty"), (-2, 2)),
    "temperature": (0, float("inf")),
    "top_p": (0, 1),
}


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class GoneError(Exception):
    """The client has closed its connection."""


class Job:
    """A request in numbers; RefusedError where vLLM would refuse it."""

    def __init__(self, path: str, text: bytes, options: argparse.Namespace) -> None:
        body = _object(text)
        self.model = body.get("model") or options.served_model_name[0]
        if self.model not in options.served_model_name:
            raise RefusedError(404, "The model does not exist.")
        _check_ranges(body)
        self.chat, self.stream = path == CHAT, bool(body.get("stream"))
        if body.get("stream_options") and not self.stream:
            raise RefusedError(400, "Stream options can only be defined when `stream=True`.")
        self.prompt_tokens = _chat_tokens(body) if self.chat else _prompt_tokens(body)
        room = options.context_tokens - self.prompt_tokens
        asked = body.get("max_completion_tokens") or body.get("max_tokens")
        if room < (asked or 1):
            limit = f"This model's maximum context length is {options.context_tokens} tokens."
            raise RefusedError(400, f"{limit} You asked for {self.prompt_tokens} + {asked or 1}.")
        self.choices = range(body.get("n") or 1)
        self.tokens = asked or min(DEFAULT_ANSWER_TOKENS, room)
        self.words = [WORDS[position % len(WORDS)] for position in range(self.tokens)]
        self.reason = "length" if asked else "stop"
        self.id = os.urandom(16).hex()

    def usage(self) -> dict[str, int]:
        read, made = self.prompt_tokens, self.tokens * len(self.choices)
        return {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}

    def document(self, choices: list[dict[str, Any]], **more: object) -> bytes:
        kind = ("chat.completion" + ".chunk" * self.stream) if self.chat else "text_completion"
        head = {"id": self.id, "object": kind, "created": int(time.time()), "model": self.model}
        document = {**head, "system_fingerprint": NAME, "choices": choices, **more}
        return json.dumps(document, ensure_ascii=False).encode()

    def choice(self, index: int, text: str, reason: str | None, field: str) -> dict[str, Any]:
        content = {field: {"role": "assistant", "content": text}} if self.chat else {"text": text}
        return {"index": index, **content, "logprobs": None, "finish_reason": reason}

    def answer(self) -> bytes:
        whole = [self.choice(i, "".join(self.words), self.reason, "message") for i in self.choices]
        return self.document(whole, usage=self.usage())

    def event(self, text: str, reason: str | None = None) -> bytes:
        return self.document([self.choice(index, text, reason, "delta") for index in self.choices])


def _object(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):  # its message would quote the text
        raise RefusedError(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body should be an object.")
    return body


def _check_ranges(body: dict[str, Any]) -> None:
    for field, (least, most) in RANGES.items():
        if (value := body.get(field)) is None:
            continue
        if type(value) is not int and (field in WHOLE or type(value) is not float):
            raise RefusedError(400, f"{field} should be a valid number.")
        if not least <= value <= most or (field == "top_p" and value == least):
            raise RefusedError(400, f"{field} must be between {least} and {most}.")


def _chat_tokens(body: dict[str, Any]) -> int:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "messages should be a list of at least one message.")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RefusedError(400, "Every message should be an object with a role.")
    return sum(_tokens(message.get("content") or "") for message in messages)


def _prompt_tokens(body: dict[str, Any]) -> int:
    prompt = body.get("prompt")
    if not isinstance(prompt, str | list) or not prompt:
        raise RefusedError(400, "prompt should be a string or a list, and not empty.")
    return len(prompt) if isinstance(prompt[0], int) else _tokens(prompt)


def _tokens(content: object) -> int:
    """Estimate: a token is four bytes of text, near enough for English and Chinese."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return -(-len(text.encode()) // 4)


class Slots:
    """Places in the batch; who finds none waits in the queue until there is one."""

    def __init__(self, count: int) -> None:
        self._changed, self._count = threading.Condition(), count
        self.running = self.waiting = 0
        self.draining = False

    def enter(self, check: Callable[[], None]) -> None:
        """Wait for a place; `check` raises when nobody needs it any more."""
        with self._changed:
            self.waiting += 1
            try:
                while self.running >= self._count:
                    self._changed.wait(0.05)
                    check()
                self.running += 1
            finally:
                self.waiting -= 1
                self._changed.notify_all()

    def leave(self) -> None:
        with self._changed:
            self.running -= 1
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Accept nothing more and wait until nothing is left, or the time is over."""
        self.draining = True
        with self._changed:
            self._changed.wait_for(lambda: self.running + self.waiting == 0, timeout=seconds)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    # HTTPServer would look its own name up, which takes seconds where there is no DNS.
    server_bind = socketserver.TCPServer.server_bind

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.slots = options, Slots(options.concurrency)
        super().__init__((options.host, options.port), Handler)

    def stop(self) -> None:
        """Drain as vLLM does with --shutdown-timeout, except that vLLM hangs when it overruns."""
        self.slots.drain(self.options.drain_seconds)
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout, disable_nagle_algorithm = 5, True  # as uvicorn: idle seconds, and no delay of chunks

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Keep quiet, as the engines of this project do."""

    def do_GET(self) -> None:
        options, slots = self.server.options, self.server.slots
        if self.path == "/health":
            self._send(200, b"")
        elif self.path == "/v1/models":
            same = {"object": "model", "owned_by": NAME, "max_model_len": options.context_tokens}
            data = [{"id": name, "created": 0, **same} for name in options.served_model_name]
            self._send(200, json.dumps({"object": "list", "data": data}).encode())
        elif self.path == "/metrics":
            labels = f'{{engine="0",model_name="{options.served_model_name[0]}"}}'
            rows = (("running", slots.running), ("waiting", slots.waiting))
            text = "".join(f"vllm:num_requests_{n}{labels} {v}.0\n" for n, v in rows)
            self._send(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")
        elif self.path in {CHAT, COMPLETIONS}:
            self._refuse(405, "Method Not Allowed")
        else:
            self._refuse(404, "Not Found")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path not in {CHAT, COMPLETIONS}:
            return self._refuse(404, "Not Found")
        if self.server.slots.draining:
            return self._refuse(500, "cannot schedule new futures after shutdown")
        try:
            self._work(Job(self.path, text, self.server.options))
        except RefusedError as refused:
            self._refuse(refused.status, str(refused))
        except (GoneError, OSError):
            self.close_connection = True

    def _work(self, job: Job) -> None:
        self.server.slots.enter(self._check_client)
        try:
            if job.stream:
                self._stream(job)
            else:
                for _ in self._paced(job):
                    self._check_client()
                self._send(200, job.answer())
        finally:
            self.server.slots.leave()

    def _stream(self, job: Job) -> None:
        self._head(200, "text/event-stream; charset=utf-8", ("Transfer-Encoding", "chunked"))
        for word in self._paced(job):
            self._check_client()
            self._event(job.event(word))
        self._event(job.event("", job.reason))
        self._event(job.document([], usage=job.usage()))  # as --enable-force-include-usage does
        self._event(b"[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _paced(self, job: Job) -> Iterator[str]:
        start, rate = time.monotonic(), self.server.options.tokens_per_second
        for position, word in enumerate(job.words, 1):
            time.sleep(max(0, start + position / rate - time.monotonic()))
            yield word

    def _event(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\ndata: %s\n\n\r\n" % (len(data) + 8, data))

    def _check_client(self) -> None:
        """Raise GoneError when the client has closed: nobody else would free its place."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            raise GoneError

    def _refuse(self, status: int, message: str) -> None:
        kind = HTTPStatus(status).phrase.replace(" ", "").removesuffix("Error") + "Error"
        error = {"message": message, "type": kind, "param": None, "code": status}
        self._send(status, json.dumps({"error": error, "system_fingerprint": NAME}).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self._head(status, kind, ("Content-Length", str(len(body))))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, length: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), length):
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--host", default="0.0.0.0")  # noqa: S104  # NetworkPolicy says who may come
    for name, default in (("port", 8000), ("context-tokens", 4096), ("concurrency", 16)):
        add(f"--{name}", type=int, default=default)
    for name, default in (("drain-seconds", 0), ("tokens-per-second", 50)):
        add(f"--{name}", type=float, default=default)
    add("--served-model-name", action="append", required=True)
    server = Server(parser.parse_args())

    def stop(*_: object) -> None:
        # A thread, because a handler that waits would stop the loop it waits for.
        threading.Thread(target=server.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    sys.stdout.write(f"{NAME}: listening on port {server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
