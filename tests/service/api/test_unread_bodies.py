"""Who is refused before its body is read is answered, and asks the next question on the same
connection, which a proxy may have given to somebody else."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from itertools import repeat

import pytest

from contract.process import bodies
from tests.service.limits.test_limits import KEYS, ONE
from tests.support.stub_replica import StubReplica

ASK = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
MB = 1024 * 1024
PIECE = bytes(64 * 1024)
REFUSED: dict[str, tuple[int, str, dict[str, str]]] = {
    "media type": (415, ASK, {**ONE, "content-type": "text/plain"}),
    "address": (404, "/v1/nothing", JSON),
    "key": (401, ASK, {**JSON, "authorization": "Bearer of nobody"}),
    "too often": (429, ASK, JSON),
}


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(
        replicas=stub.url, api_keys=KEYS, address_limits="questions_per_s=0.001 burst=1"
    )


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def send(
    client: HTTPConnection, path: str, size: int, chunked: bool, headers: dict[str, str]
) -> int:
    """The answer's status."""
    body = repeat(PIECE, size // len(PIECE)) if chunked else bytes(size)
    client.request("POST", path, body, headers, encode_chunked=chunked)
    answer = client.getresponse()
    told = json.loads(answer.read())
    assert told["error"]["code"]
    return answer.status


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("why", REFUSED)
def test_the_next_question_on_the_connection_is_answered(
    gateway: str, why: str, chunked: bool
) -> None:
    status, path, headers = REFUSED[why]
    if chunked:
        headers = {**headers, "transfer-encoding": "chunked"}
    client = HTTPConnection("127.0.0.1", port_of(gateway), timeout=10)
    client.request("POST", ASK, b"{}", JSON)  # the one question that the limit allows
    assert client.getresponse().read()
    for size in (400_000, 3 * MB, 10 * MB):
        assert send(client, path, size, chunked, headers) == status
        client.request("GET", "/healthz")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"alive"}')
    client.close()


@pytest.mark.parametrize("chunked", [True, False])
def test_a_connection_that_is_to_end_is_not_reset_before_its_answer_is_seen(
    gateway: str, chunked: bool
) -> None:
    headers = {**JSON, "connection": "close"}
    if chunked:
        headers["transfer-encoding"] = "chunked"
    for _ in range(3):
        client = HTTPConnection("127.0.0.1", port_of(gateway), timeout=10)
        assert send(client, "/v1/nothing", 10 * MB, chunked, headers) == 404
        client.close()


def test_it_ends_behind_the_answer_however_much_is_still_sent(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LINGER_S", 0.3)
    head = b"POST /v1/nothing HTTP/1.0\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(gateway)), timeout=10) as client:
        client.sendall(head)
        told = client.makefile("rb").read()
        assert told.startswith(b"HTTP/1.1 404 ")
        with suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(900_000_000 // len(PIECE)):
                client.sendall(PIECE)
            pytest.fail("it is read to its end")


def test_who_is_answered_and_sends_on_for_ever_is_let_go_of(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_DRAIN_BYTES", 2 * MB)
    head = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(gateway)), timeout=10) as client:
        client.sendall(head + b"5\r\nfirst\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 404 ")
        with suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(1000):
                client.sendall(b"10000\r\n" + PIECE + b"\r\n")
            pytest.fail("it is read for ever")
