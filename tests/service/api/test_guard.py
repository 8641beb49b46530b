"""Straight at a gateway: addresses that mean another, strangers' hosts, pages of other sites, and
the session's cookie over TLS. tests/service/nginx has the same through nginx."""

import socket
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.identity.callers import hash_key
from tests.support.asking import chat, photo, rows, text_of
from tests.support.servers import gateway_process
from tests.support.stub_replica import StubReplica
from tests.unit.api.test_guard import ODD

Start = Callable[..., str]
PATH = "/v1/chat/completions"


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url, api_keys=f"shop {hash_key('key-1')}")


def raw(gateway: str, head: str) -> tuple[HTTPResponse, bytes]:
    with socket.create_connection(("127.0.0.1", int(gateway.rpartition(":")[2])), 5) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = HTTPResponse(client)
        answer.begin()
        return answer, answer.read()


def test_an_odd_address_is_refused_before_anything_is_erased(gateway: str, tmp_path: Path) -> None:
    for path in ODD:
        for method in ("DELETE", "GET", "POST"):
            answer, body = raw(gateway, f"{method} {path} HTTP/1.1\nHost: x\nContent-Length: 0")
            assert (answer.status, b"bad_request" in body) == (400, True), path
            assert answer.getheader("x-content-type-options") == "nosniff"
    assert rows(f"sqlite:///{tmp_path / 'log.db'}") == []


def test_a_stranger_s_host_is_refused_with_a_sentence(gateway: str) -> None:
    for host, status in (("evil.example", 400), ("127.0.0.1:8080", 200), ("shop-pc", 200)):
        answer = httpx.get(f"{gateway}/healthz", headers={"host": host})
        assert answer.status_code == status
        if status != 200:
            assert answer.json()["error"]["code"] == "host_not_served"
            assert "evil" not in answer.text
    assert raw(gateway, "GET /healthz HTTP/1.1")[0].status == 400, "no host"
    assert raw(gateway, "GET /healthz HTTP/1.1\nHost: x\nHost: x")[0].status == 400
    assert raw(gateway, "GET /healthz HTTP/1.0")[0].status == 200


def test_a_name_is_served_once_it_is_named(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, allowed_hosts="shop.example, *.b.example")
    for host, status in (("shop.example", 200), ("a.b.example", 200), ("evil.example", 400)):
        assert httpx.get(f"{gateway}/healthz", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_page_of_another_site_sends_nothing(
    gateway: str, stub: StubReplica, headers: dict[str, str]
) -> None:
    sent: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", PATH, {"json": chat("what?")}),
        ("POST", "/v1/ask", {"files": {"image": photo()}, "data": {"question": "what?"}}),
        ("POST", "/v1/images", {"content": photo(), "headers": {"content-type": "image/jpeg"}}),
        ("POST", "/v1/feedback", {"json": {}}),
        ("DELETE", "/v1/users/me/data", {}),
        ("POST", PATH, {"content": b"x" * 3_000_000}),  # read to its end, not reset
    ]
    for method, path, body in sent:
        body = {**body, "headers": {**body.get("headers", {}), **headers, "accept-language": "zh"}}
        answer = httpx.request(method, gateway + path, **body)
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "cross_site_request"
        assert "其他网站" in answer.json()["error"]["message"]
    assert stub.calls == []
    assert httpx.get(f"{gateway}/healthz", headers=headers).status_code == 200, "it only reads"
    text_of(httpx.post(gateway + PATH, json=chat("what?")))
    own = {"origin": gateway, "sec-fetch-site": "same-origin"}
    text_of(httpx.post(gateway + PATH, json=chat("what?"), headers=own))


def test_every_answer_of_the_api_says_nosniff_once(gateway: str) -> None:
    answers = [
        httpx.post(gateway + PATH, json=chat("what?")),
        httpx.post(gateway + PATH, json=chat("and?", stream=True)),
        httpx.post(gateway + PATH, json={}),
        httpx.post(gateway + PATH, json=chat("what?"), headers={"authorization": "Bearer no"}),
        *(httpx.get(gateway + path) for path in ("/healthz", "/readyz", "/v1/models", "/nothing")),
        httpx.put(gateway + PATH),
        httpx.get(f"{gateway}/healthz", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], answer.url
    broken, _ = raw(gateway, "GET / HTTP/1.1\nno header")
    assert broken.getheader("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("trusted", ["127.0.0.1", "10.0.0.0/8,127.0.0.0/8", "10.0.0.0/8", ""])
def test_over_tls_the_cookie_is_bound_to_its_host(
    stub: StubReplica, tmp_path: Path, trusted: str
) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url, TRUSTED_PROXIES=trusted) as server:
        over_tls = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
        asked = httpx.post(server.url + PATH, json=chat("what?"), headers=over_tls)
        given = asked.headers["set-cookie"]
        plain = httpx.post(server.url + PATH, json=chat("what?")).headers["set-cookie"]
        assert plain.startswith("shopsight_session=")
        assert "Secure" not in plain
        if "127" not in trusted:
            assert given.startswith("shopsight_session="), "nobody who is trusted says so"
            return
        assert given.startswith("__Host-shopsight_session=")
        assert given.endswith("; Secure")
        assert "Path=/" in given
        assert "Domain" not in given
        cookie = given.partition(";")[0]

        def is_known(**headers: str) -> bool:
            answer = httpx.post(server.url + PATH, json=chat("what?"), headers=headers)
            return "set-cookie" not in answer.headers

        assert is_known(cookie=f"a=b; {cookie}", **over_tls)
        planted = cookie.removeprefix("__Host-")
        assert not is_known(cookie=planted, **over_tls), "it may be anybody's who got it there"
        assert is_known(cookie=f"{planted}; {cookie}", **over_tls)
        assert not is_known(cookie=cookie), "and one of TLS is none without it"
