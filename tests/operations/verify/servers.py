"""A TLS server that says what a gateway should not."""

import json
import ssl
import threading
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from operations.certificates import issue_certificate

NAMES = ("localhost", "gateway.deepseek-gateway.svc")  # those of the stack `rehearsal`


class Obliging(BaseHTTPRequestHandler):
    """Answers whatever anybody asks, with two tokens."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"data": [{"id": "any"}], "usage": {"completion_tokens": 2}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # the name that http.server looks for

    def log_message(self, *_):
        pass


@contextmanager
def serving(folder, *, names=NAMES, days=1, age_days=0, oldest=ssl.TLSVersion.TLSv1_2):
    """Serve a certificate that was issued `age_days` ago for `days`; yield URL and CA file."""
    now = datetime.now(UTC) - timedelta(days=age_days)
    issued = json.loads(issue_certificate(names, days=days, ca_days=365, now=now))
    for name, text in issued.items():
        (folder / name).write_text(text, "utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = oldest  # Python warns of the old ones
    server = ThreadingHTTPServer(("127.0.0.1", 0), Obliging)
    server.handle_error = lambda *_: None  # a client that hangs up is what we want
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}", folder / "ca.crt"
    finally:
        server.shutdown()
        server.server_close()
