"""What clients speak that is not plain HTTP/1.1: offers of HTTP/2, and what is no HTTP at all."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import chat, photo
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


CUT: dict[str, list[bytes]] = {
    "one packet": [WHOLE],
    "head and body apart": [head(), BODY],
    "a body in two": [head(), BODY[:100], BODY[100:]],
    "a head in three": [WHOLE[:90], WHOLE[90:150], WHOLE[150:-50], WHOLE[-50:]],
    "chunks": [CHUNKED_HEAD + CHUNKED],
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
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    (tmp_path / "body").write_bytes(BODY)
    command = [curl, "-sS", "--http2", "-H", "content-type: application/json"]
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
