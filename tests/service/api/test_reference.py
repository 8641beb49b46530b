"""The description of the API says what is there, and each status that it names occurs."""

import socket
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from gateway.api.guard import Guard
from gateway.api.page import READS
from gateway.api.reference.operations import OPERATIONS, UNDESCRIBED, Operation
from gateway.app import create_app
from gateway.config import Settings
from gateway.identity.callers import hash_key
from tests.support.asking import chat, data_uri, photo, post
from tests.support.migrating import migrate
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
SHOP = {"authorization": "Bearer key-1"}
KEYS = f"shop {hash_key('key-1')}"
EVIL = {"origin": "https://evil.example"}
BY_NAME = {f"{each.method} {each.path}": each for each in OPERATIONS}
ASK, FORM, UPLOAD = "POST /v1/chat/completions", "POST /v1/ask", "POST /v1/images"
VOTE, JUDGE, ERASE = "POST /v1/feedback", "POST /v1/moderations", "DELETE /v1/users/{user}/data"
MODELS, MODEL = "GET /v1/models", "GET /v1/models/{model}"
ALIVE, READY = "GET /healthz", "GET /readyz"
JSON_BODIES: dict[str, Any] = {
    ASK: chat("what?", photo()),
    VOTE: {"interaction_id": "0" * 32, "vote": "up"},
    JUDGE: {"input": "what?"},
}
POSTS = (ASK, FORM, UPLOAD, VOTE, JUDGE)
BLOCKED = "加微信 abc12345 领券"
DAMAGED = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def test_every_route_is_described_and_nothing_else() -> None:
    app = create_app(Settings(_env_file=None), CollectorRegistry())  # type: ignore[call-arg]
    assert isinstance(app, Guard)
    routes: Any = app._app._app.router.routes  # type: ignore[attr-defined]
    found = {
        f"{method} {route.path.replace(':any', '').replace(':path', '')}"
        for route in _flat(routes)
        for method in route.methods or ()
        if method != "HEAD"
    }
    named = {name for name in found if name.partition(" ")[2] not in UNDESCRIBED}
    assert named == set(BY_NAME)
    assert set(UNDESCRIBED) <= {name.partition(" ")[2] for name in found}


def _flat(routes: Any) -> Iterator[Route]:
    for route in routes:
        if hasattr(route, "methods"):
            yield route
        else:  # a router that FastAPI has included
            yield from _flat(route.original_router.routes)


@pytest.mark.parametrize("path", ["/openapi.json", "/reference"])
def test_the_description_needs_no_key_and_no_shopper(
    start_gateway: Start, stub: StubReplica, path: str
) -> None:
    gateway = start_gateway(replicas=stub.url, anonymous="deny")
    for method in READS[:2]:
        answer = httpx.request(method, gateway + path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-cache"


def test_the_page_names_all_that_the_document_does(start_gateway: Start) -> None:
    gateway = start_gateway(replicas="http://127.0.0.1:9")
    document = httpx.get(f"{gateway}/openapi.json").json()
    page = httpx.get(f"{gateway}/reference")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "<script" not in page.text
    names = [*document["paths"], *document["components"]["schemas"]]
    names += [
        field
        for schema in document["components"]["schemas"].values()
        for field in schema.get("properties", {})
    ]
    assert [name for name in names if f"{name}<" not in page.text] == []


def test_what_a_request_may_hold_is_said_by_what_reads_it(start_gateway: Start) -> None:
    gateway = start_gateway(replicas="http://127.0.0.1:9")
    schemas = httpx.get(f"{gateway}/openapi.json").json()["components"]["schemas"]
    asked = schemas["ChatRequest"]["properties"]
    assert asked["tools"]["enum"] == [[], None]
    assert "Ignored" in asked["metadata"]["description"]
    assert asked["temperature"]["anyOf"][0] == {"maximum": 2, "minimum": 0, "type": "number"}
    assert {"type": "null"} in asked["model"]["anyOf"]
    assert schemas["ImageUrl"]["properties"]["url"]["description"].startswith("A data URI")


class Caused:
    """Statuses that were seen, by operation."""

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = defaultdict(set)

    def send(self, url: str, name: str, **changed: Any) -> httpx.Response:
        operation = BY_NAME[name]
        path = operation.path.format(user="u-1", model=changed.pop("model", "shopsight"))
        sent: dict[str, Any] = {"headers": SHOP, "timeout": 20}
        if name in JSON_BODIES:
            sent["json"] = JSON_BODIES[name]
        elif name in (FORM, UPLOAD):
            sent["files"] = {"photo": photo()}
            sent["data"] = {"question": "what?"} if name == FORM else {}
        if changed.keys() & {"json", "content", "files"}:
            sent = {key: sent[key] for key in ("headers", "timeout")}
        sent |= changed
        answer = httpx.request(operation.method, url + path, **sent)
        self.note(name, answer.status_code, answer.json())
        return answer

    def note(self, name: str, status: int, body: Any) -> None:
        operation: Operation = BY_NAME[name]
        assert status in {*operation.status, *operation.statuses}, (name, status, body)
        if "error" in body:
            codes = {error.code for error in operation.statuses[status]}
            assert body["error"]["code"] in codes, (name, status, body)
        self.seen[name].add(status)


def cut_off(url: str, name: str, *lines: str) -> int:
    """The status of a head without the body that it promises, or does not."""
    media = "multipart/form-data; boundary=b" if name == FORM else "application/json"
    head = (f"POST {BY_NAME[name].path} HTTP/1.1", "Host: x", "Authorization: Bearer key-1")
    sent = "\r\n".join((*head, f"Content-Type: {media}", *lines, "", ""))
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(sent.encode())
        answer = HTTPResponse(client)
        answer.begin()
        answer.read()
        return answer.status


def test_each_status_that_is_described_occurs_and_no_other(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    seen = Caused()
    images = tmp_path / "images"
    usual = start_gateway(replicas=stub.url, api_keys=KEYS, image_dir=images, deadline_ms=1500)
    for name in BY_NAME:
        seen.send(usual, name)
        seen.send(usual, name, headers={**SHOP, "host": "evil.example"})
    for name in (*POSTS, ERASE):
        seen.send(usual, name, headers={"authorization": "Bearer other"})
        seen.send(usual, name, headers={**SHOP, **EVIL})
    for name in (MODELS, MODEL):
        seen.send(usual, name, headers={"authorization": "Bearer other"})
    seen.send(usual, MODEL, model="none")

    for name in POSTS:  # bodies
        media = "multipart/form-data; boundary=b" if name == FORM else "application/json"
        large = {**SHOP, "content-type": media}
        seen.send(usual, name, content=b"--b\r\n" + b"x" * 15_000_000, headers=large)
        media = "text/plain" if name != UPLOAD else "multipart/form-data"
        seen.send(usual, name, content=b"{}", headers={**SHOP, "content-type": media})
        seen.note(name, cut_off(usual, name), {})
        seen.note(name, cut_off(usual, name, "Content-Length: 9"), {})
        once = {**SHOP, "idempotency-key": name}
        seen.send(usual, name, headers=once)
        other: Any = {"data": {"question": "else?"}} if name == FORM else {}
        if name in JSON_BODIES:
            other = {"json": {**JSON_BODIES[name], "user": "u-1"}}
        elif name == UPLOAD:
            other = {"files": {"photo": photo(2)}}
        seen.send(usual, name, headers=once, **other)
    seen.send(usual, UPLOAD, content=b"GIF89a" + b"\0" * 50)

    damaged = {"image": data_uri(DAMAGED), "prompt": "what?"}  # contents
    seen.send(usual, ASK, json=damaged)
    seen.send(usual, FORM, files={"photo": DAMAGED}, data={"question": "what?"})
    seen.send(usual, UPLOAD, files={"photo": DAMAGED})
    url = {"type": "image_url", "image_url": {"url": data_uri(DAMAGED)}}
    seen.send(usual, JUDGE, json={"input": [url]})
    seen.send(usual, VOTE, json={**JSON_BODIES[VOTE], "reason": BLOCKED})
    seen.send(usual, ASK, json={"image_id": "img_" + "0" * 32, "prompt": "what?"})
    unknown = {"image_id": (None, "img_" + "0" * 32), "question": (None, "what?")}
    seen.send(usual, FORM, files=unknown)
    seen.send(usual, ASK, json=chat("what?", model="none"))

    for behaviour, question in (("garbage", "one?"), ("hang", "two?")):  # replicas
        stub.behaviour = behaviour
        seen.send(usual, ASK, json=chat(question))
        seen.send(usual, FORM, data={"question": question})
    stub.behaviour = "answer"

    few = start_gateway(
        replicas=stub.url, api_keys=KEYS, image_dir=images, anonymous="allow",
        tenant_limits="questions_per_s=0.01 burst=1",
    )  # fmt: skip
    post(few, chat("what?"), **SHOP)
    for name in (*POSTS, ERASE):
        seen.send(few, name)

    full = start_gateway(replicas="http://127.0.0.1:9", api_keys=KEYS, spool_max_bytes=1)
    for name in (*POSTS, ERASE, MODEL, READY):
        seen.send(full, name)

    reader = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM interactions").fetchone()
    seen.send(usual, ERASE)  # pending: what somebody reads cannot be cut off
    reader.close()

    keyless = f"sqlite:///{tmp_path / 'keyless.db'}"
    migrate(keyless)
    with sqlite3.connect(tmp_path / "keyless.db") as database:
        database.execute("DROP TABLE api_keys")
    nobody_knows = start_gateway(
        replicas=stub.url, database_url=keyless, spool_dir=tmp_path / "spool-2"
    )
    for name in (MODELS, ERASE):
        seen.send(nobody_knows, name)

    expected = {name: {*each.status, *each.statuses} for name, each in BY_NAME.items()}
    missing = {name: expected[name] - seen.seen[name] for name in BY_NAME}
    assert {name: left for name, left in missing.items() if left} == {}
