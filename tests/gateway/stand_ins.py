"""What stands in for a cluster on loopback: its DNS, and engines that record what reaches them."""

import json
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Names(threading.Thread):
    """A DNS server: nginx resolves here what it resolves in production."""

    def __init__(self):
        super().__init__(daemon=True)
        self.addresses = {}  # name → IPv4 addresses
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            query, client = self.socket.recvfrom(512)
            end = query.index(b"\0", 12)
            found = self.addresses.get(_name(query[12:end]), [])
            wants_ipv4 = query[end + 1 : end + 3] == b"\0\1"
            answers = [_record(address) for address in found if wants_ipv4]
            flags = 0x8180 if found else 0x8183  # 3: there is no such name
            head = query[:2] + struct.pack(">HHHHH", flags, 1, len(answers), 0, 0)
            self.socket.sendto(head + query[12 : end + 5] + b"".join(answers), client)


def _name(data):
    labels = []
    while data:
        labels.append(data[1 : data[0] + 1].decode())
        data = data[data[0] + 1 :]
    return ".".join(labels)


def _record(address):
    """Point back to the name that was asked; type A, class IN, valid for one second."""
    return b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(address)


class Engine(ThreadingHTTPServer):
    """Answers with its address, unless a test tells it to do something else."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address, port):
        self.seen, self.behave = [], Handler.answer
        super().__init__((address, port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @contextmanager
    def doing(self, behave=None):
        """Let `behave(handler)` answer; yields the list of the requests that come meanwhile."""
        self.seen, self.behave = [], behave or Handler.answer
        try:
            yield self.seen
        finally:
            self.behave = Handler.answer

    def handle_error(self, request, client_address):
        """A client that leaves is no error here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as uvicorn: an answer in two writes must not wait 40 ms

    def log_message(self, *_):
        """Be quiet."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        self.server.behave(self)

    def answer(self, status=200, content=None):
        data = json.dumps(content or {"engine": self.server.server_address[0]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def start_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        """Send one chunk; an empty one ends the stream."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def client_left(self):
        return self.connection.recv(1) == b""
