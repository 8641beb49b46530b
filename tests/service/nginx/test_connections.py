"""What one address may have under way at once, through nginx: unfinished uploads fill nothing."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPResponse

import httpx
import pytest

from tests.service.nginx.test_nginx import PATH, ask
from tests.support.nginx_server import Nginx, StandInGateway
from tests.support.servers import wait_until

Start = Callable[..., Nginx]


@pytest.fixture
def limited(gateway: StandInGateway, start: Start) -> Nginx:
    return start(CONNECTION_LIMIT="3", TRUSTED_PROXY="127.0.0.0/8")


def unfinished(nginx: Nginx, address: str) -> socket.socket:
    """An upload of 29 MB that has been announced."""
    client = socket.create_connection(("127.0.0.1", nginx.port), timeout=20)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n"
    client.sendall(f"{head}Expect: 100-continue\r\nContent-Length: 29000000\r\n\r\n".encode())
    return client


def under_way(client: socket.socket) -> bool:
    """nginx has counted it, and reads its body."""
    taken = client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(bytes(1_000_000))
    return taken


def refused(client: socket.socket) -> bool:
    client.settimeout(20)
    answer = HTTPResponse(client)
    answer.begin()
    error = json.loads(answer.read())["error"]
    assert answer.headers["retry-after"]
    return (answer.status, error["code"]) == (429, "rate_limited")


def status(nginx: Nginx, address: str) -> int:
    return ask(nginx, headers={"x-forwarded-for": address}).status_code


@pytest.mark.parametrize(
    ("one", "same", "others"),
    [
        ("8.8.8.8", "8.8.8.8", ("8.8.8.9", "8.8.4.8", "::ffff:0:0:1")),
        (
            "2001:db8:0:1::1",
            "2001:db8:0:1:ffff:a:b:c",
            ("2001:db8:0:2::1", "2001:db8::1", "8.8.8.8"),
        ),
        ("fe80::a00:1", "fe80::", ("fe80:0:0:1::a00:1",)),
    ],
)
def test_one_client_s_unfinished_uploads_stand_in_nobody_else_s_way(
    limited: Nginx, one: str, same: str, others: tuple[str, ...]
) -> None:
    with ExitStack() as clients:
        held = [clients.enter_context(unfinished(limited, one)) for _ in range(3)]
        assert all(map(under_way, held))
        assert status(limited, same) == 429
        assert all(refused(clients.enter_context(unfinished(limited, same))) for _ in range(5))
        for other in others:
            assert status(limited, other) == 200
        answer = ask(limited, headers={"x-forwarded-for": one})
        assert answer.headers["retry-after"] == "2"
        held[0].close()
        wait_until("one is free", lambda: status(limited, same) == 200)


@pytest.mark.long
def test_a_client_that_stalls_in_its_head_is_let_go_of(limited: Nginx) -> None:
    with socket.create_connection(("127.0.0.1", limited.port), timeout=30) as client:
        client.sendall(b"POST /v1/ask HTTP/1.1\r\nHost: x\r\nX-Half: ")
        began = time.monotonic()
        assert client.recv(1000) == b""
        assert time.monotonic() - began > 5
    assert httpx.get(limited.url).status_code == 200


def test_an_nginx_without_a_free_connection_sends_askers_away_for_a_moment(
    gateway: StandInGateway, start: Start
) -> None:
    """Each question takes one to its client and one to a gateway."""
    nginx = start(workers=1, connections=64)
    with ExitStack() as clients:
        askers = []
        for _ in range(40):
            asker = clients.enter_context(socket.create_connection(("127.0.0.1", nginx.port), 30))
            asker.sendall(b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            askers.append(asker)
            time.sleep(0.02)
        gateway.finish.set()
        ended = Counter(map(told, askers))
    assert ended.keys() == {(200, "", None), (503, "overloaded", "2")}


def told(asker: socket.socket) -> tuple[int, str, str | None]:
    """Status, code of an error, and when to come again."""
    answer = HTTPResponse(asker)
    try:
        answer.begin()
    except ConnectionResetError:
        return 0, "", None
    body = answer.read()
    code = json.loads(body)["error"]["code"] if answer.status != 200 else ""
    return answer.status, code, answer.headers["retry-after"]
