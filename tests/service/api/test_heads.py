"""Straight at the gateway, without a proxy: a head that never ends, by length or by time, ties
nothing up, and nobody else notices. Nor does a body that never comes."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http.client import HTTPResponse

import pytest

from contract.process import arrivals
from tests.support.asking import chat, photo, post
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

HALF = b"POST /v1/chat/completions HTTP/1.1\r\nHost: shop\r\nX-Half: "


def connected(gateway: str, timeout: float = 30) -> socket.socket:
    port = int(gateway.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def answer_of(client: socket.socket) -> tuple[int, str]:
    answer = HTTPResponse(client)
    answer.begin()
    return answer.status, json.loads(answer.read())["error"]["code"]


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "HEAD_S", 0.5)
    monkeypatch.setattr(arrivals, "BODY_S", 0.5)


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("sent", [b"", b"P", HALF, b"GET /healthz HTTP/1.1\r\nHost: a\r\n"])
def test_who_does_not_finish_a_head_is_let_go_of(gateway: str, sent: bytes) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(gateway)) for _ in range(200)]
        for client in clients:
            client.sendall(sent)
        assert post(gateway, chat("still there?", photo())).status_code == 200
        wait_until("closed", lambda: all(closed(client) for client in clients))
    assert post(gateway, chat("and now?", photo())).status_code == 200


@pytest.mark.usefixtures("_soon")
def test_a_slow_head_on_a_kept_connection_is_let_go_of_too(gateway: str) -> None:
    with connected(gateway) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.read() != b"") == (200, True)
        client.sendall(HALF)
        wait_until("closed", lambda: closed(client))


@pytest.mark.usefixtures("_soon")
def test_a_kept_connection_may_wait_longer_than_a_head(gateway: str) -> None:
    with connected(gateway) as client:
        for _ in range(3):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = HTTPResponse(client)
            answer.begin()
            assert answer.read()
            wait_until("time passes", iter([False] * 15 + [True]).__next__)


@pytest.fixture
def _soon_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """So long a connection is kept without a request."""
    given = property(lambda _: 0.4, lambda _, value: None)
    monkeypatch.setattr(arrivals.TimedArrivals, "timeout_keep_alive", given, raising=False)


UNREAD = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.usefixtures("_soon_enough")
@pytest.mark.parametrize("drip", [True, False])
@pytest.mark.parametrize("first", [UNREAD, ALIVE], ids=["unread", "read"])
def test_bytes_that_begin_no_request_keep_no_connection(
    gateway: str, first: bytes, drip: bool
) -> None:
    with connected(gateway) as client:
        client.sendall(first)
        assert client.recv(1000).startswith(b"HTTP/1.1 ")
        client.sendall(b"\r\n")

        def gone() -> bool:
            with suppress(OSError):
                client.send(b"\r\n" if drip else b"")
            return closed(client)

        wait_until("closed", gone, 5)


@pytest.mark.usefixtures("_soon_enough")
def test_a_request_under_way_may_take_longer_than_a_kept_connection_waits(gateway: str) -> None:
    """Its head has begun when the request before it is answered, and then its body is slow."""
    slow = b"POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nphoto"
    with connected(gateway) as client:
        client.sendall(ALIVE + slow[:30])
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        client.sendall(slow[30:-2])
        wait_until("time passes", iter([False] * 20 + [True]).__next__)
        client.sendall(slow[-2:])
        assert client.recv(1000).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a", HALF + b"b" * 400_000,
             HALF + b"\r\n" + b"c: d\r\n" * 8_000 + b"e: f"],
    ids=["address", "one header", "many headers"],
)  # fmt: skip
def test_a_head_that_is_too_long_is_431(gateway: str, head: bytes, whole: bool) -> None:
    with connected(gateway) as client:
        client.sendall(head + (b"\r\n\r\n" if whole else b""))
        status, code = answer_of(client)
        assert (status in (414, 431), code) == (True, "headers_too_large")


def test_a_large_body_does_not_count_as_a_head(gateway: str) -> None:
    body = b"x" * 200_000
    head = HALF + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connected(gateway) as client:
        client.sendall(head + body)
        assert answer_of(client) == (400, "invalid_json")


BODY = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SIZED = BODY + b"Content-Length: 200000\r\n\r\n"
CHUNKED = BODY + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = SIZED.replace(b"json", b"pdf")


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("sent", [SIZED, SIZED + b" " * 70_000, CHUNKED + b"ffff\r\n", REFUSED])
@pytest.mark.parametrize("drips", [False, True])
def test_who_does_not_send_a_body_is_let_go_of(gateway: str, sent: bytes, drips: bool) -> None:
    def gone(client: socket.socket) -> bool:
        try:
            if drips:
                client.sendall(b" ")
            return client.recv(1000) == b""  # after the answer, where it is refused
        except BlockingIOError:
            return False
        except OSError:
            return True

    with connected(gateway) as client:
        client.sendall(sent)
        client.setblocking(False)
        wait_until("closed", lambda: gone(client))
    assert post(gateway, chat("still there?", photo())).status_code == 200


@pytest.mark.usefixtures("_soon")
def test_a_slow_body_is_read_to_its_end(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "LEAST_BODY_BYTES", 1000)
    with connected(gateway) as client:
        client.sendall(SIZED)
        for _ in range(10):
            time.sleep(0.15)
            client.sendall(b" " * 20_000)
        assert answer_of(client) == (400, "invalid_json")
