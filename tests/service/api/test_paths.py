"""Which addresses there are, with which methods; the official client's look at the models."""

import socket
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from gateway.identity.callers import hash_key
from tests.support import ROOT
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]


@pytest.fixture(params=[None, ROOT / "web"], ids=["alone", "with the page"])
def page(request: pytest.FixtureRequest) -> Path | None:
    """As in compose, where nginx has the page, and as in the embedded default."""
    folder: Path | None = request.param
    return folder


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica, page: Path | None) -> str:
    return start_gateway(replicas=stub.url, web_dir=page)


def asked(gateway: str, method: str, path: str, host: str = "evil.example") -> HTTPResponse:
    """The address as it is, which a client's library would tidy up."""
    with socket.create_connection(
        ("127.0.0.1", int(gateway.rpartition(":")[2])), timeout=5
    ) as client:
        client.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = HTTPResponse(client, method=method)
        answer.begin()
        return answer


def test_another_method_is_405_and_told_the_right_one(gateway: str) -> None:
    posts = ("/v1/chat/completions", "/v1/ask", "/v1/images", "/v1/feedback")
    for path, allow in [*((path, "POST") for path in posts), ("/v1/users/x/data", "DELETE")]:
        for method in ("GET", "HEAD", "PUT", "OPTIONS"):
            answer = httpx.request(method, gateway + path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allow)
            assert len(answer.headers["x-request-id"]) == 32
            if method != "HEAD":
                assert answer.json()["error"]["code"] == "method_not_allowed"


def test_what_is_only_looked_at_has_a_head_and_takes_nothing(gateway: str) -> None:
    for path in ("/v1/models", "/v1/models/shopsight", "/healthz", "/readyz"):
        head = httpx.head(gateway + path)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(httpx.get(gateway + path).content)
        for method in ("POST", "DELETE"):
            answer = httpx.request(method, gateway + path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_all_methods_of_an_address_are_told(gateway: str) -> None:
    """They may be of several routes."""
    for path, allow in (
        ("/v1/files", "GET, HEAD, POST"),
        ("/v1/files/file-1", "DELETE, GET, HEAD"),
        ("/v1/files/file-1/content", "GET, HEAD"),
        ("/v1/batches", "GET, HEAD, POST"),
    ):
        answer = httpx.put(gateway + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_an_address_that_is_not_there_is_404_with_any_method(gateway: str) -> None:
    for path in ("/nothing", "/v1/nothing", "/v1", "/v1/chat/completions/"):
        for method in ("GET", "POST", "DELETE"):
            answer = httpx.request(method, gateway + path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
            assert "allow" not in answer.headers


def test_the_page_is_only_looked_at(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, web_dir=ROOT / "web")
    for path in ("/", "/app.js"):
        assert httpx.head(gateway + path).status_code == 200
        answer = httpx.post(gateway + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.json()["error"]["code"] == "method_not_allowed"


ADDRESSES = [
    "/.", "/%2e", "/%2E%2E/.", "//evil.example", "//evil.example/..", "/samples", "/samples/..",
    "/%73amples", "/%2f%2fevil.example", "/\\evil.example", "/v1/models/", "/v1/ask/", "/healthz/",
    "http://evil.example/.",
]  # fmt: skip


def test_no_address_leads_to_a_host_of_the_client_s(
    start_gateway: Start, stub: StubReplica, page: Path | None
) -> None:
    gateway = start_gateway(replicas=stub.url, web_dir=page, allowed_hosts="*")
    for path in ADDRESSES:
        answer = asked(gateway, "GET", path)
        assert answer.status in (200, 400, 404), path
        assert answer.getheader("location") is None


def client_of(gateway: str, key: str = "unused") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway}/v1", api_key=key, max_retries=0)


def test_a_model_is_retrieved_by_its_alias_and_by_its_revision(gateway: str) -> None:
    models = client_of(gateway).models
    for name in ("shopsight", "stub-1"):
        model: Any = models.retrieve(name)
        assert (model.id, model.object, model.model_revision) == (name, "model", "stub-1")
        assert (model.created, model.owned_by) == (0, "shopsight"), "strict clients expect both"
    for unknown in ("gpt-4o", "stub", "a/b"):
        with pytest.raises(openai.NotFoundError) as caught:
            models.retrieve(unknown)
        assert caught.value.code == "model_not_found"


def test_of_two_revisions_the_alias_is_the_caller_s(start_gateway: Start) -> None:
    with stub_replica("one") as one, stub_replica("two") as two:
        gateway = start_gateway(replicas=f"{one.url},{two.url}")
        revisions = {
            httpx.get(f"{gateway}/v1/models/shopsight").json()["model_revision"] for _ in range(30)
        }
        assert revisions == {"one", "two"}
        assert client_of(gateway).models.retrieve("two").id == "two"


def test_without_a_replica_no_model_is_known(start_gateway: Start) -> None:
    gateway = start_gateway(replicas="http://127.0.0.1:9")
    answer = httpx.get(f"{gateway}/v1/models/shopsight")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_replica")
    assert answer.headers["retry-after"]


KEY = "sk-shopsight-right"


@pytest.mark.parametrize("anonymous", ["allow", "deny"])
def test_models_are_shown_to_whom_questions_are_answered(
    start_gateway: Start, stub: StubReplica, anonymous: str
) -> None:
    keys = f"shop {hash_key(KEY)}"
    gateway = start_gateway(replicas=stub.url, api_keys=keys, anonymous=anonymous)
    for path, there in (
        ("/v1/models", 200), ("/v1/models/shopsight", 200), ("/v1/models/gpt-4o", 404)
    ):  # fmt: skip
        for key, status in ((KEY, there), ("wrong", 401)):
            answer = httpx.get(gateway + path, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == status
            if status == 401:
                assert answer.json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(gateway + path).status_code == (there if anonymous == "allow" else 401)
