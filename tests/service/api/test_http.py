"""What clients speak that is not plain HTTP/1.1: offers of HTTP/2, and what is no HTTP at all."""

import json
import socket
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import chat, photo
from tests.support.servers import program
from tests.support.stub_replica import StubReplica

OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
)
BODY = json.dumps(chat("what?", photo())).encode()
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
ANSWER = "关于「What?」:好"


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def head(framing: bytes = b"Content-Length: %d" % len(BODY), offer: bytes = OFFER) -> bytes:
    first = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return first + offer + framing + b"\r\n\r\n"


def send(gateway: str, *packets: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", int(gateway.rpartition(":")[2])), timeout=5)
    for packet in packets:
        client.sendall(packet)
        time.sleep(0.1)
    return client


def read(client: socket.socket) -> tuple[HTTPResponse, Any]:
    answer = HTTPResponse(client)
    answer.begin()
    return answer, json.loads(answer.read())


WHOLE = head() + BODY
CHUNKED_HEAD = head(b"Transfer-Encoding: chunked")
SINGLE_BYTES = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"


CUT: dict[str, list[bytes]] = {
    "one packet": [WHOLE],
    "head and body apart": [head(), BODY],
    "a body in two": [head(), BODY[:100], BODY[100:]],
    "a head in three": [WHOLE[:90], WHOLE[90:150], WHOLE[150:-50], WHOLE[-50:]],
    "chunks": [CHUNKED_HEAD + CHUNKED],
    "chunks of one byte": [CHUNKED_HEAD + SINGLE_BYTES],
    "chunks apart": [CHUNKED_HEAD, CHUNKED[:60], CHUNKED[60:]],
    "websocket": [head(offer=b"Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n") + BODY],
}


def test_an_offer_of_another_protocol_is_passed_over(gateway: str) -> None:
    for how, packets in CUT.items():
        with send(gateway, *packets) as client:
            answer, body = read(client)
            assert answer.status == 200, (how, body)
            assert body["choices"][0]["message"]["content"] == ANSWER
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + OFFER + b"\r\n")
            answer, body = read(client)
            assert (answer.status, body) == (200, {"status": "alive"}), how


def test_offers_in_a_row_are_each_answered(gateway: str) -> None:
    with send(
        gateway, (WHOLE + b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + OFFER + b"\r\n") * 2
    ) as client:
        stream = client.makefile("rb")
        told = b""
        while told.count(b"alive") < 2:
            told += stream.read1()
    assert told.count(b"HTTP/1.1 200") == 4
    assert told.count(ANSWER.encode()) == 2


def test_an_offer_may_close_the_connection(gateway: str) -> None:
    offer = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
    with send(gateway, head(offer=offer) + BODY) as client:
        answer, body = read(client)
        assert (answer.status, answer.getheader("connection")) == (200, "close"), body
        assert client.recv(1) == b""


def test_curl_with_http2_is_answered(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    command = [program("curl"), "-sS", "--http2", "-H", "content-type: application/json"]
    command += ["--data-binary", f"@{tmp_path}/body", f"{gateway}/v1/chat/completions"]
    for extra in ([], ["-H", "expect: 100-continue"], ["-H", "transfer-encoding: chunked"]):
        told = subprocess.run([*command, *extra], capture_output=True, check=True, timeout=20)
        assert json.loads(told.stdout)["choices"][0]["message"]["content"] == ANSWER


NO_HTTP = [
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + OFFER + b"\r\n",
    b"GET /healthz HTTP/1.1\r\nno header\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET http:// HTTP/1.1\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"zebra" * 20,
]


def test_what_is_no_http_gets_the_error_s_one_shape(gateway: str) -> None:
    for data in NO_HTTP:
        with send(gateway, data) as client:
            answer, body = read(client)
            assert (answer.status, body["error"]["code"]) == (400, "bad_request"), data
            assert answer.getheader("content-type") == "application/json"
            assert len(answer.getheader("x-request-id") or "") == 32
            assert "zebra" not in json.dumps(body)
            assert client.recv(1) == b"", "nothing of it is read on"


def test_its_language_is_the_asker_s_where_that_was_still_read(gateway: str) -> None:
    with send(
        gateway, b"GET / HTTP/1.1\r\nAccept-Language: zh\r\nX: y\r\nHost : x\r\n\r\n"
    ) as client:
        assert "请求格式" in read(client)[1]["error"]["message"]


def long_head(*fields: bytes) -> bytes:
    return b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"


TOO_LONG = {
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": 414,
    b"GET /" + b"a" * 2_000_000: 414,
    long_head(b"Cookie: " + b"a" * 10_000): 431,
    long_head(*(b"X-%d: " % n + b"a" * 7_000 for n in range(10))): 431,
    long_head(*(b"a: b" for _ in range(5000))): 431,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2_000_000: 431,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a" * 2_000_000: 431,
}


def test_a_head_that_is_too_long_is_refused_before_it_ends(gateway: str) -> None:
    for data, status in TOO_LONG.items():
        with send(gateway, data) as client:
            answer, body = read(client)
            assert (answer.status, body["error"]["code"]) == (status, "headers_too_large")
            assert client.recv(1) == b""
    fields = [b"X-%d: " % n + b"a" * 1000 for n in range(40)]
    long_enough = long_head(b"Cookie: " + b"a" * 8000, *fields)
    for packets in ([long_enough], [long_enough[:20_000], long_enough[20_000:]]):
        with send(gateway, *packets) as client:
            for _ in range(2):
                assert read(client)[0].status == 200, "counted anew for each"
                client.sendall(long_enough)


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("garbage", [b"\0garbage\r\n\r\n", HEALTH.replace(b"Host", b"Host ")])
@pytest.mark.parametrize("first", [[WHOLE], [HEALTH], [HEALTH, WHOLE, HEALTH]])
def test_garbage_behind_a_request_costs_it_nothing(
    gateway: str, first: list[bytes], garbage: bytes
) -> None:
    with send(gateway, b"".join(first) + garbage) as client:
        told = client.makefile("rb").read()
    assert told.count(b"HTTP/1.1 200 OK") == len(first)
    assert told.index(b"HTTP/1.1 400") > told.rindex(b"HTTP/1.1 200"), "and is answered in turn"


def test_a_broken_body_is_refused_behind_the_answers_before_it(gateway: str) -> None:
    with send(gateway, WHOLE + CHUNKED_HEAD + b"zz\r\n") as client:
        told = client.makefile("rb").read()
    assert told.startswith(b"HTTP/1.1 200")
    assert told.count(b"HTTP/1.1 400") == 1


def test_nothing_behind_a_connection_s_last_request_is_answered(
    gateway: str, caplog: pytest.LogCaptureFixture
) -> None:
    last = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with send(gateway, last + CHUNKED_HEAD + b"zz\r\n") as client:
        told = client.makefile("rb").read()
    assert told.count(b"HTTP/1.1 ") == told.count(b"HTTP/1.1 200 OK") == 1
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"chunked\r\nTransfer-Encoding: x"])
def test_a_transfer_encoding_that_is_not_undone_is_named(gateway: str, coding: bytes) -> None:
    with send(gateway, head(b"Transfer-Encoding: " + coding) + CHUNKED) as client:
        answer, body = read(client)
        if answer.status != 400:  # the parser itself knows that the last one must be `chunked`
            assert (answer.status, body["error"]["code"]) == (501, "unsupported_transfer_encoding")
            assert "chunked" in body["error"]["message"]
        else:
            assert not coding.endswith(b"chunked")


def test_who_asks_before_sending_too_much_is_refused_at_once(gateway: str) -> None:
    for framing in (b"Content-Length: 99000000", b"Content-Length: 99000000\r\nX-Y: z"):
        with send(gateway, head(framing + b"\r\nExpect: 100-continue", offer=b"")) as client:
            answer, body = read(client)
            assert (answer.status, body["error"]["code"]) == (413, "payload_too_large")
            assert answer.getheader("connection") == "close"
            assert client.recv(1) == b""
    asking = head(b"Content-Length: %d\r\nExpect: 100-Continue" % len(BODY), offer=b"")
    with send(gateway, asking, BODY) as client:
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert read(client)[0].status == 200


def test_who_is_not_known_is_told_how_to_say_who_it_is(
    start_gateway: Callable[..., str], stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, anonymous="deny")
    with send(gateway, WHOLE) as client:
        answer, body = read(client)
        assert (answer.status, body["error"]["code"]) == (401, "invalid_api_key")
        assert answer.getheader("www-authenticate") == "Bearer"


@pytest.mark.parametrize("stream", [False, True])
def test_http_1_0_gets_no_chunks(gateway: str, stream: bool) -> None:
    body = json.dumps(chat("what?", photo(), stream=stream)).encode()
    packet = head(b"Content-Length: %d" % len(body), b"").replace(b"HTTP/1.1", b"HTTP/1.0") + body
    with send(gateway, packet) as client:
        answer = b"".join(iter(lambda: client.recv(65_536), b""))  # to the connection's end
    told, _, content = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in told
    assert b"connection: close" in told
    if stream:
        assert content.startswith(b"data: {")
        assert content.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(content)["choices"][0]["message"]["content"] == ANSWER
