"""Pages of listed origins: what a gateway tells their browsers, and what it tells all others."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gateway.identity.callers import hash_key
from gateway.identity.sessions import SESSION_HEADER
from tests.support.asking import chat, photo, rows
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
PATH = "/v1/chat/completions"
PARTNER = "https://partner.example"
ORIGINS = f"{PARTNER}, https://Shop.Example:443, capacitor://localhost"


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    keys = f"shop {hash_key('key-1')}"
    return start_gateway(replicas=stub.url, api_keys=keys, allowed_origins=ORIGINS)


def preflight(url: str, origin: str, path: str = PATH, method: str = "POST") -> httpx.Response:
    asked = {
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    return httpx.options(url + path, headers={"origin": origin, "sec-fetch-mode": "cors", **asked})


@pytest.mark.parametrize("origin", [PARTNER, "https://shop.example", "capacitor://localhost"])
def test_a_listed_page_may_send_and_read(gateway: str, stub: StubReplica, origin: str) -> None:
    told = preflight(gateway, origin)
    assert (told.status_code, told.content) == (204, b"")
    assert told.headers["access-control-allow-origin"] == origin
    assert set(told.headers["access-control-allow-methods"].split(", ")) >= {"POST", "DELETE"}
    allowed = told.headers["access-control-allow-headers"]
    assert allowed == "authorization,content-type,x-stainless-os"
    assert int(told.headers["access-control-max-age"]) >= 600
    page = {"origin": origin, "sec-fetch-site": "cross-site"}
    answers = [
        httpx.post(gateway + PATH, json=chat("what?"), headers=page),
        httpx.post(gateway + PATH, json=chat("and?", stream=True), headers=page),
        httpx.post(gateway + PATH, json={}, headers=page),
        httpx.post(gateway + PATH, json={}, headers={**page, "authorization": "Bearer no"}),
        httpx.post(f"{gateway}/v1/images", content=photo(), headers=page),
        httpx.get(f"{gateway}/v1/models", headers=page),
        httpx.get(f"{gateway}/nothing", headers=page),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 401, 201, 200, 404]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == "*"
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
    assert answers[0].headers[SESSION_HEADER], "its browser keeps no cookie of ours"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://partner.example.evil.example", "http://partner.example",
     "https://partner.example:8443", "null", "", "*", "https://a.partner.example"],
)  # fmt: skip
def test_a_page_that_is_not_listed_is_told_nothing(
    gateway: str, stub: StubReplica, origin: str
) -> None:
    told = preflight(gateway, origin)
    assert told.status_code == 405
    page = {"origin": origin, "sec-fetch-site": "cross-site"}
    sent = httpx.post(gateway + PATH, json=chat("what?"), headers=page)
    read = httpx.get(f"{gateway}/v1/models", headers=page)
    assert (sent.status_code, read.status_code) == (403, 200)
    for answer in (told, sent, read):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Origin", "a cache must not give it to a listed page"
    assert stub.calls == []


def test_without_a_list_no_answer_speaks_of_origins(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url)
    assert preflight(gateway, PARTNER).status_code == 405
    answer = httpx.get(f"{gateway}/v1/models", headers={"origin": PARTNER})
    assert "vary" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_a_preflight_needs_no_key_and_is_no_row(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(
        replicas=stub.url,
        anonymous="deny",
        api_keys=f"shop {hash_key('key-1')}",
        allowed_origins=PARTNER,
        address_limits="questions_per_s=0.001 burst=1",
    )
    told = [preflight(gateway, PARTNER).status_code for _ in range(20)]
    assert told == [204] * 20
    assert rows(f"sqlite:///{tmp_path / 'log.db'}") == []
    plain = httpx.options(gateway + PATH, headers={"origin": PARTNER})
    assert plain.status_code == 405, "that asks for nothing"


def test_only_names_of_headers_are_repeated(gateway: str) -> None:
    for wanted in ("a\tb", "x: y", "\xff", "a" * 2000):
        asked = {"access-control-request-method": "POST", "access-control-request-headers": wanted}
        raw = {name.encode(): value.encode("latin-1") for name, value in asked.items()}
        told = httpx.options(gateway + PATH, headers={b"origin": PARTNER.encode(), **raw})
        assert told.status_code == 204
        assert "access-control-allow-headers" not in told.headers


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {}])
def test_the_rest_of_the_guard_stands_for_listed_pages_too(
    gateway: str, headers: dict[str, str]
) -> None:
    path = PATH if headers else "/v1/users/%2e%2e/data"
    asked = {"origin": PARTNER, "access-control-request-method": "DELETE", **headers}
    assert httpx.options(gateway + path, headers=asked).status_code == 400
