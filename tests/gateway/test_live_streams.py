"""Streams through a real nginx: unbuffered, undamaged, and ended when the client leaves."""

import ssl
from threading import Event, Semaphore

import pytest

from tests.gateway.site import CHAT

pytestmark = pytest.mark.gateway
ENGINE = "127.0.0.12"
ASK = {"model": "recorded", "messages": [], "stream": True}
CHUNKS = 100


@pytest.fixture
def client(gateway):
    with gateway.client(gateway.keys["acme"]) as opened:
        yield opened


def test_a_chunk_arrives_while_the_engine_still_holds_back_the_next(client, world):
    release = Event()

    def stream(handler):
        handler.start_stream()
        handler.chunk(b"data: first\n\n")
        release.wait(10)
        handler.chunk(b"data: second\n\n")
        handler.chunk(b"")

    with world.engines[ENGINE].doing(stream), client.stream("POST", CHAT, json=ASK) as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"data: first\n\n"
        release.set()
        assert b"".join(chunks) == b"data: second\n\n"


def test_each_of_a_hundred_chunks_is_a_read_of_its_own(client, world):
    """In step: the engine sends a chunk when the client has read the one before."""
    read = Semaphore()

    def stream(handler):
        handler.start_stream()
        for number in range(CHUNKS):
            assert read.acquire(timeout=10)
            handler.chunk(b"data: %d\n\n" % number)
        handler.chunk(b"")

    with world.engines[ENGINE].doing(stream), client.stream("POST", CHAT, json=ASK) as answer:
        reads = []
        for chunk in answer.iter_raw():
            reads.append(chunk)
            read.release()
    assert reads == [b"data: %d\n\n" % number for number in range(CHUNKS)]


def test_a_chinese_character_that_is_cut_in_two_arrives_whole(client, world):
    text = "data: 深度求索，你好。\n\n" * 20
    data = text.encode()

    def stream(handler):
        handler.start_stream()
        for start in range(0, len(data), 7):
            handler.chunk(data[start : start + 7])
        handler.chunk(b"")

    with world.engines[ENGINE].doing(stream):
        answer = client.post(CHAT, json=ASK)
    assert answer.content == data


def test_a_client_that_leaves_takes_its_request_off_the_engine(client, world):
    left = Event()

    def stream(handler):
        handler.start_stream()
        handler.chunk(b"data: first\n\n")
        if handler.client_left():
            left.set()

    with world.engines[ENGINE].doing(stream):
        with client.stream("POST", CHAT, json=ASK) as answer:
            next(answer.iter_raw())
        assert left.wait(5)


def test_what_an_engine_sent_before_it_died_arrives(client, world):
    def stream(handler):
        handler.start_stream()
        handler.chunk(b"data: first\n\n")
        handler.close_connection = True

    with world.engines[ENGINE].doing(stream), client.stream("POST", CHAT, json=ASK) as answer:
        assert next(answer.iter_raw()) == b"data: first\n\n"


def test_a_simulated_stream_is_whole_and_says_what_it_is(client):
    asked = {**ASK, "model": "simulated", "max_tokens": 12}
    asked["messages"] = [{"role": "user", "content": "hello"}]
    answer = client.post(CHAT, json=asked)
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.text.count('"system_fingerprint":"simulator"') == 14
    assert answer.text.endswith("data: [DONE]\n\n")


def test_clients_negotiate_http2_and_tls_1_3(gateway):
    context = gateway.tls()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with gateway.connect(context) as connection:
        assert (connection.selected_alpn_protocol(), connection.version()) == ("h2", "TLSv1.3")


def test_tls_1_2_is_spoken_with_forward_secrecy_alone(gateway):
    context = gateway.tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with gateway.connect(context) as connection:
        assert connection.cipher()[0].startswith("ECDHE-ECDSA-")
    context.set_ciphers("AES128-SHA256:AES256-SHA256")
    with pytest.raises(ssl.SSLError):
        gateway.connect(context)
