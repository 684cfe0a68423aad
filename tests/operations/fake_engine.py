"""A program that answers as an engine would, or as the name of the model tells it to fail.

Asyncio and nothing else, so that it costs less than the load it serves. Prints its port.
Arguments: seconds per token, and for TLS a certificate and its key.
"""

import asyncio
import contextlib
import json
import ssl
import sys

TOKEN_SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 0.002
HEAD = "HTTP/1.1 {} X\r\nContent-Type: {}\r\n"
EVENTS = HEAD.format(200, "text/event-stream") + "Transfer-Encoding: chunked\r\n\r\n"
JSON = "application/json"


def plain(status, body, kind=JSON):
    head = HEAD.format(status, kind) + f"Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def event(data):
    text = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(text), text)


def delta(content):
    return event(json.dumps({"choices": [{"index": 0, "delta": {"content": content}}]}))


class Connection:
    count = requests = 0

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        Connection.count += 1

    async def serve(self):
        """Answer one request after another; a failure that is meant closes the connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer():
                pass
        self.writer.close()

    async def _answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await self.reader.readexactly(int(lines.get("content-length", 0)))
        if lines.get("authorization") != "bearer canary-key":
            self.writer.write(plain(401, b'{"error": {"message": "canary-key"}}'))
            return True
        if head.startswith("GET /v1/models "):
            counts = {"connections": Connection.count, "requests": Connection.requests}
            document = {"data": [{"id": "good"}], **counts}
            self.writer.write(plain(200, json.dumps(document).encode()))
            return True
        Connection.requests += 1
        asked = json.loads(body)
        if refusal := {"limited": 429, "broken": 503}.get(asked["model"]):
            self.writer.write(plain(refusal, b"{}"))
            return True
        if asked["model"] == "resets":
            return False
        await getattr(self, "_stream" if asked.get("stream") else "_whole")(asked)
        return asked["model"] in {"good", "quiet", "errs"}

    async def _whole(self, asked):
        await asyncio.sleep(TOKEN_SECONDS * asked["max_tokens"])
        usage = {"prompt_tokens": 7, "completion_tokens": asked["max_tokens"]}
        text = json.dumps({"choices": [], "usage": usage}).encode()
        text = b"<p>" + text if asked["model"] == "garbles" else text
        answer = plain(200, text)
        self.writer.write(answer[:-5] if asked["model"] == "short" else answer)

    async def _stream(self, asked):
        model, tokens = asked["model"], asked["max_tokens"]
        if model == "silent":
            await self.reader.read()  # until the client has gone
            return
        self.writer.write(EVENTS.encode() + delta(""))
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for position in range(1, tokens + 1):
            await asyncio.sleep(begin + position * TOKEN_SECONDS - loop.time())
            if self.writer.is_closing():
                return
            self.writer.write(delta("word "))
            if model in {"cut", "short"} and position == tokens // 2:
                self.writer.write(b"0\r\n\r\n" if model == "short" else b"")
                return
            if model == "garbles":
                self.writer.write(event("<p>"))
            if model == "errs" and position == tokens // 2:
                self.writer.write(event('{"error": {"message": "canary", "code": 500}}'))
                break
        if model != "quiet":
            usage = {"prompt_tokens": 7, "completion_tokens": tokens}
            self.writer.write(event(json.dumps({"choices": [], "usage": usage})))
        self.writer.write(event("[DONE]") + b"0\r\n\r\n")


async def main(files):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if files else None
    if tls:
        tls.load_cert_chain(*files)
    server = await asyncio.start_server(
        lambda reader, writer: Connection(reader, writer).serve(),
        "127.0.0.1",
        0,
        backlog=1024,
        ssl=tls,
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  # whoever starts it reads it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2:]))
