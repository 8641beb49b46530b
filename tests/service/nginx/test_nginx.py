"""nginx as compose configures it: what it drops, refuses, splits, passes on and serves itself."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract import errors
from contract.text.language import preferred_language
from gateway.api.page import HEADERS
from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.nginx_server import (
    NameServer,
    Nginx,
    StandInGateway,
    gateway_that_breaks_off,
    stand_in_gateway,
    write_certificate,
)
from tests.support.servers import wait_until

FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
PATH = "/v1/chat/completions"


@pytest.fixture
def nginx(gateway: StandInGateway, start: Callable[..., Nginx]) -> Nginx:
    nginx = start()
    gateway.seen.clear()
    return nginx


def ask(nginx: Nginx, **kwargs: Any) -> httpx.Response:
    return httpx.post(f"{nginx.url}{PATH}", **{"content": b"{}", **kwargs})


def asked_of(nginx: Nginx, times: int) -> list[str]:
    """Which gateways answer so many questions in a row."""
    return [ask(nginx).json()["gateway"] for _ in range(times)]


def raw(nginx: Nginx, request: bytes) -> tuple[int, dict[str, Any]]:
    """What is answered to bytes that no HTTP client would send."""
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as client:
        client.sendall(request)
        answer = HTTPResponse(client)
        answer.begin()
        return answer.status, json.loads(answer.read())["error"]


def test_internal_headers_of_a_client_are_dropped(nginx: Nginx) -> None:
    claimed = {
        "x-deadline-ms": "999999",
        "x-priority": "batch",
        "x-image-digest": "00",
        "x-attempt": "2",
        "x-request-id": "chosen-by-client",
        "x_request_id": "chosen-by-client",
        "x-forwarded-for": "8.8.8.8",
        "x-real-ip": "8.8.8.8",
        "forwarded": "for=8.8.8.8",
        "authorization": "Bearer kept",
    }
    seen = ask(nginx, headers=claimed).json()["headers"]
    assert seen["authorization"] == "Bearer kept"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert len(bytes.fromhex(seen["x-request-id"])) == 16
    assert not set(seen) & (set(claimed) - {"authorization", "x-forwarded-for", "x-request-id"})


def test_the_client_named_by_a_trusted_load_balancer_is_believed(
    gateway: StandInGateway, start: Callable[..., Nginx]
) -> None:
    nginx = start(TRUSTED_PROXY="127.0.0.0/8")
    seen = ask(nginx, headers={"x-forwarded-for": "8.8.8.8, 9.9.9.9"}).json()["headers"]
    assert seen["x-forwarded-for"] == "9.9.9.9"


def test_each_request_is_one_json_line_without_its_query(nginx: Nginx) -> None:
    sent = ask(nginx, params={"key": "sk-secret"}).json()["headers"]["x-request-id"]
    wait_until("log line", lambda: len(nginx.access_log()) == 1)
    (line,) = nginx.access_log()
    assert "sk-secret" not in nginx.log.read_text()
    assert (line["request_id"], line["request"], line["status"]) == (sent, f"POST {PATH}", 200)
    assert line["gateway_status"] == "200"


def test_whose_data_are_erased_is_in_no_log(
    nginx: Nginx, names: NameServer, gateway: StandInGateway
) -> None:
    address = f"{nginx.url}/v1/users/alice%2F7%20x/data"
    assert httpx.delete(address).status_code == 200
    assert gateway.paths[-1] == b"/v1/users/alice%2F7%20x/data", "as the client encoded it"
    names.addresses[:] = ["127.0.0.9"]  # nobody is there: what nginx says of that quotes requests
    wait_until("the gateway is gone", lambda: ask(nginx).status_code == 502)
    assert httpx.delete(address).status_code == 502
    erasure = "DELETE /v1/users/{id}/data"
    wait_until("the second's line", lambda: nginx.access_log()[-1]["request"] == erasure)
    wait_until("log lines", lambda: "connect() failed" in nginx.log.read_text())
    assert f"POST {PATH}" in nginx.log.read_text()
    assert "alice" not in nginx.log.read_text()
    assert nginx.access_log()[0]["request"] == erasure


@pytest.mark.parametrize(
    "spelling",
    [
        "/v1/users/u-17/data?why=u-17",
        "//v1//users/u-17/data",
        "/v1/%75sers/u-17/data",
        "/%76%31/%75%73%65%72%73/u-17/data",
        "http://x/v1/users/u-17/data",
    ],
)
def test_whose_data_are_erased_is_in_no_log_however_the_address_is_spelt(
    nginx: Nginx, gateway: StandInGateway, spelling: str
) -> None:
    request = f"DELETE {spelling} HTTP/1.1\r\nHost: x\r\n".encode()
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as client:
        client.sendall(request + b"Connection: close\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    assert len(gateway.seen) == 1, "it is an erasure"
    assert raw(nginx, request + b"Host: x\r\n\r\n")[0] == 400
    wait_until("log lines", lambda: len(nginx.access_log()) == 2)
    assert "u-17" not in nginx.log.read_text()


@pytest.mark.parametrize("path", ["/", "/app.js", "/.env", "/a..b", "/v1/images/x", "/v1/users"])
def test_a_plain_address_is_logged(nginx: Nginx, path: str) -> None:
    httpx.get(nginx.url + path, params={"key": "/../sk%20secret"})
    wait_until("log line", lambda: len(nginx.access_log()) == 1)
    assert nginx.access_log()[0]["request"] == f"GET {path}"


POST = b"POST /v1/ask HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "refusal"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "400 bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400 bad_request"),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 bad_request"),
        (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "400 bad_request"),
        (POST + b"Content-Length: -1\r\n\r\n", "400 bad_request"),
        (b"GET /metrics HTTP/1.0\r\n\r\n", "404 not_found"),
        (b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "405 method_not_allowed"),
        (POST + b"Content-Length: 31457281\r\n\r\n", "413 payload_too_large"),
        (b"GET /?" + b"a" * 10_000 + b" HTTP/1.0\r\n\r\n", "414 headers_too_large"),
        (b"GET / HTTP/1.0\r\nX: " + b"a" * 10_000 + b"\r\n\r\n", "431 headers_too_large"),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", "501 unsupported_transfer_encoding"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nginx_refuses_has_the_shape_of_the_contract(
    nginx: Nginx, gateway: StandInGateway, request_bytes: bytes, refusal: str
) -> None:
    status, error = raw(nginx, request_bytes)
    assert f"{status} {error['code']}" == refusal
    assert error["param"] is None
    assert error["type"] == "invalid_request_error"
    assert not gateway.seen


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("HEAD", "/", 200, None),
        ("HEAD", "/healthz", 200, None),
        ("POST", "/healthz", 405, "GET, HEAD"),
        ("POST", "/", 405, "GET, HEAD"),
        ("PUT", "/app.js", 405, "GET, HEAD"),
        ("POST", "/nothing", 404, None),
        ("GET", "/nothing", 404, None),
    ],
)
def test_what_is_only_looked_at_says_so(
    nginx: Nginx, gateway: StandInGateway, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = httpx.request(method, nginx.url + path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert not gateway.seen


@pytest.mark.parametrize(
    "path",
    ["/.", "/%2e", "//evil.example", "/samples", "//samples", "/%73amples", "/samples/..", "/%2f"],
)
def test_no_address_leads_to_a_host_of_the_client_s(nginx: Nginx, path: str) -> None:
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: evil\r\n\r\n".encode())
        answer = HTTPResponse(client)
        answer.begin()
        assert answer.status in (200, 400, 404)
        assert answer.getheader("location") is None


@pytest.mark.parametrize(
    "accepted",
    [
        *("zh-CN,zh;q=0.9,en;q=0.8", "en-GB,zh;q=0.5", "fr", "zh", "ZH_cn;q=0.1", "fr, zh;q=0.3"),
        *("en;q=0.1, zh;q=0.9", "zh;q=0.1, en;q=0.9", "en;q=0.85,zh;q=0.9", "en;q=0.85,zh;q=0.8"),
        *("en;q=0.05,zh;q=0.1", "en;q=0,zh;q=0.001", "en,zh;q=0", "zh;q=0", "zh;q=0,en;q=0"),
        *("en;q=0.5,zh", "en,zh", "zh,en", "zh;q=0.50,en;q=0.5", "en;q=1.0,zh", "zh;q=1.000,en"),
    ],
)
def test_refusals_are_in_the_words_of_the_gateway_and_the_language_of_the_asker(
    nginx: Nginx, accepted: str
) -> None:
    answer = httpx.get(f"{nginx.url}/nothing", headers={"accept-language": accepted})
    said = errors.NotFound().message(preferred_language(accepted))
    assert answer.json()["error"]["message"] == said
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/openapi.json", "/reference"])
def test_the_description_comes_from_a_gateway(
    nginx: Nginx, gateway: StandInGateway, path: str
) -> None:
    assert httpx.get(f"{nginx.url}{path}").json()["gateway"] == gateway.host
    assert httpx.get(f"{nginx.url}{path}x").status_code == 404


def test_too_many_questions_from_one_address_are_429(
    gateway: StandInGateway, start: Callable[..., Nginx]
) -> None:
    nginx = start(RATE_LIMIT="1r/m", RATE_BURST="4")
    answers = [ask(nginx, headers={"x-forwarded-for": f"8.8.8.{n}"}) for n in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 5
    assert answers[-1].json()["error"]["code"] == "rate_limited"
    assert answers[-1].headers["retry-after"] == "2"
    assert httpx.get(nginx.url).status_code == 200  # the page is not limited


def test_a_listed_page_s_preflights_are_no_questions_and_it_may_read_a_429(
    gateway: StandInGateway, start: Callable[..., Nginx]
) -> None:
    listed = "https://a.example, https://shop.example"
    nginx = start(RATE_LIMIT="1r/m", RATE_BURST="4", ALLOWED_ORIGINS=listed)
    page = {"origin": "https://shop.example"}
    for path in ("/v1/ask", "/v1/feedback"):
        told = [httpx.options(f"{nginx.url}{path}", headers=page) for _ in range(15)]
        assert {answer.status_code for answer in told} == {200}
    answers = [ask(nginx, headers=page) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 5
    assert answers[-1].headers["access-control-allow-origin"] == "https://shop.example"
    assert answers[-1].headers["access-control-expose-headers"] == "*"
    for origin in ("https://evil.example", "https://shop.example.evil.example", ""):
        refused = ask(nginx, headers={"origin": origin})
        assert refused.status_code == 429
        assert "access-control-allow-origin" not in refused.headers
    with httpx.Client(base_url=nginx.url, headers=page) as client:
        flood = [client.options("/v1/ask").status_code for _ in range(200)]
    assert 429 in flood, "they have a limit of their own"


def test_votes_of_one_address_are_slower_than_its_questions(nginx: Nginx) -> None:
    votes = [httpx.post(f"{nginx.url}/v1/feedback", content=b"{}") for _ in range(30)]
    told = [answer.status_code for answer in votes]
    assert told[:21] == [200] * 21  # a conversation's worth at once
    assert told.count(429) >= 8
    assert votes[-1].json()["error"]["code"] == "rate_limited"
    assert votes[-1].headers["retry-after"] == "2"
    assert ask(nginx).status_code == 200


def test_erasures_of_one_address_are_few(nginx: Nginx) -> None:
    erasures = [httpx.delete(f"{nginx.url}/v1/users/u-{n}/data") for n in range(12)]
    told = [answer.status_code for answer in erasures]
    assert told[:6] == [200] * 6
    assert told.count(429) >= 5
    assert erasures[-1].json()["error"]["code"] == "rate_limited"
    assert erasures[-1].headers["retry-after"] == "5"
    assert ask(nginx).status_code == 200


def test_a_body_that_only_the_gateway_may_refuse_reaches_it(nginx: Nginx) -> None:
    assert ask(nginx, content=b"x" * 20_000_000).json()["bytes"] == 20_000_000


def test_a_file_of_a_batch_goes_on_as_it_comes(nginx: Nginx, gateway: StandInGateway) -> None:
    assert httpx.post(f"{nginx.url}/v1/files", content=b"x" * 60_000_000).json()["bytes"] == 6e7
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.sendall(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 230000000\r\n\r\n")
        told = client.recv(10_000)
        assert told.startswith(b"HTTP/1.1 413 ")
        assert b'"file_too_large"' in told, "and not that photos are too large"
    gateway.seen.clear()
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.sendall(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nfoo")
        wait_until("its head", lambda: bool(gateway.seen))
        client.sendall(b"bar")
        assert client.recv(12) == b"HTTP/1.1 200"


def test_a_slow_upload_does_not_reach_a_gateway_before_it_is_complete(
    nginx: Nginx, gateway: StandInGateway
) -> None:
    with socket.create_connection(("127.0.0.1", nginx.port)) as phone:
        phone.sendall(b"POST /v1/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nfoo")
        time.sleep(0.3)
        assert not gateway.seen
        phone.sendall(b"bar")
        assert phone.recv(12) == b"HTTP/1.1 200"


def test_a_stream_passes_piece_by_piece(nginx: Nginx, gateway: StandInGateway) -> None:
    with httpx.stream("POST", f"{nginx.url}/v1/stream", content=b"{}") as answer:
        pieces = answer.iter_text()
        assert [next(pieces), next(pieces)] == ["data: first\n\n", "data: second\n\n"]
        gateway.finish.set()
        assert "".join(pieces) == "data: last\n\n"


def test_questions_are_split_and_a_dead_gateway_costs_none(
    nginx: Nginx, names: NameServer, port: int
) -> None:
    names.addresses = [FIRST, SECOND]
    with stand_in_gateway(SECOND, port):
        wait_until("both", lambda: set(asked_of(nginx, 4)) == {FIRST, SECOND})
    assert set(asked_of(nginx, 20)) == {FIRST}


def test_a_gateway_that_is_just_back_is_asked_when_the_other_one_goes(
    names: NameServer, start: Callable[..., Nginx], port: int
) -> None:
    """Restarted one by one: the first one still counts as gone for a moment."""
    with stand_in_gateway(SECOND, port):
        names.addresses = [FIRST, SECOND]
        nginx = start()
        wait_until("the first is missed", lambda: "connect() failed" in nginx.log.read_text())
        assert set(asked_of(nginx, 8)) == {SECOND}
    with stand_in_gateway(FIRST, port):
        assert set(asked_of(nginx, 8)) == {FIRST}


def test_added_and_removed_gateways_are_followed(
    nginx: Nginx, names: NameServer, port: int
) -> None:
    with stand_in_gateway(THIRD, port):
        names.addresses = [THIRD]
        wait_until("the new one", lambda: set(asked_of(nginx, 4)) == {THIRD}, timeout_s=5)


def test_a_question_that_a_gateway_has_taken_is_not_asked_again(
    nginx: Nginx, gateway: StandInGateway, names: NameServer, port: int
) -> None:
    with gateway_that_breaks_off(SECOND, port) as taken:
        names.addresses = [FIRST, SECOND]
        deadline = time.monotonic() + 5
        while not taken and time.monotonic() < deadline:
            gateway.seen.clear()
            answer = ask(nginx)
        assert len(taken) == 1
        assert not gateway.seen
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_gateway")


def test_without_any_gateway_the_error_is_json_and_the_page_stays(
    names: NameServer, start: Callable[..., Nginx]
) -> None:
    names.addresses = []
    nginx = start()
    answer = ask(nginx)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_gateway")
    assert answer.json()["error"]["type"] == "server_error"
    assert answer.headers["retry-after"] == "5"
    assert httpx.get(f"{nginx.url}/healthz").json() == {"status": "alive"}
    assert httpx.get(nginx.url).status_code == 200


def test_the_page_comes_with_the_headers_that_the_gateway_would_give_it(
    nginx: Nginx, gateway: StandInGateway
) -> None:
    for path in ("/", "/app.js", "/icon.svg"):
        answer = httpx.get(nginx.url + path)
        assert answer.status_code == 200
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["server"] == "nginx"
    assert httpx.get(nginx.url).content == (ROOT / "web" / "index.html").read_bytes()
    for file in ("app.js", "samples/strip.json"):
        assert httpx.get(f"{nginx.url}/{file}").headers["content-encoding"] == "gzip"
    assert not gateway.seen


def test_a_mounted_certificate_turns_tls_on(
    gateway: StandInGateway, start: Callable[..., Nginx], tmp_path: Path
) -> None:
    certificate = write_certificate(tmp_path)
    port = free_port()
    tls = (ROOT / "nginx" / "tls.conf").read_text()
    start(tls=tls.replace("/run/secrets", str(tmp_path)).replace("8443", f"127.0.0.1:{port}"))

    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(verify=context, base_url=f"https://localhost:{port}") as client:
        assert "max-age" in client.get("/").headers["strict-transport-security"]
        answer = client.post(PATH, content=b"{}")
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"
    assert answer.headers["set-cookie"] == "session=1; Secure"
    assert httpx.get(f"http://localhost:{port}/").headers["location"] == "https://localhost/"
