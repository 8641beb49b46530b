"""The description of the API says what is there, and each status that it names occurs."""

import socket
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from starlette.routing import Route

from gateway.api.guard import Guard
from gateway.api.page import READS
from gateway.api.reference.operation import Operation
from gateway.api.reference.operations import OPERATIONS, UNDESCRIBED
from gateway.app import create_app
from gateway.config import Settings
from gateway.identity.callers import hash_key
from gateway.log.client import SOURCE_HEADER, SOURCES
from tests.support.asking import chat, data_uri, photo, post
from tests.support.batches import new_key
from tests.support.cards import card_tokens
from tests.support.migrating import migrate
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
# A key without the scope `batch`.
LESSER = {"authorization": "Bearer key-1"}
KEYS = f"shop {hash_key('key-1')}"
EVIL = {"origin": "https://evil.example"}
BY_NAME = {f"{each.method} {each.path}": each for each in OPERATIONS}
ASK, FORM, UPLOAD = "POST /v1/chat/completions", "POST /v1/ask", "POST /v1/images"
VOTE, JUDGE, ERASE = "POST /v1/feedback", "POST /v1/moderations", "DELETE /v1/users/{user}/data"
MODELS, MODEL = "GET /v1/models", "GET /v1/models/{model}"
ALIVE, READY = "GET /healthz", "GET /readyz"
CARD_OF, MATCH = "POST /v1/products/card", "POST /v1/match"
FILE, FILES, CONTENT = "POST /v1/files", "GET /v1/files", "GET /v1/files/{file_id}/content"
FILE_FACTS, DELETE_FILE = "GET /v1/files/{file_id}", "DELETE /v1/files/{file_id}"
BATCH, BATCHES = "POST /v1/batches", "GET /v1/batches"
BATCH_STATE, CANCEL = "GET /v1/batches/{batch_id}", "POST /v1/batches/{batch_id}/cancel"
JSON_BODIES: dict[str, Any] = {
    ASK: chat("what?", photo()),
    VOTE: {"interaction_id": "0" * 32, "vote": "up"},
    JUDGE: {"input": "what?"},
    CARD_OF: {"image": data_uri(photo())},
    MATCH: {"image": data_uri(photo()), "text": "a bag"},
    BATCH: {
        "input_file_id": "file-" + "0" * 32,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    },
}
# Those whose body is held and compared with another one of the same Idempotency-Key.
HELD = (ASK, FORM, UPLOAD, VOTE, JUDGE, CARD_OF, MATCH, BATCH)
POSTS = (*HELD, FILE)
CHANGES = (*POSTS, ERASE, DELETE_FILE, CANCEL)
LOOKS = (FILES, CONTENT, FILE_FACTS, BATCHES, BATCH_STATE)
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


def test_the_header_that_says_how_a_question_came_is_described(start_gateway: Start) -> None:
    gateway = start_gateway(replicas="http://127.0.0.1:9")
    document = httpx.get(f"{gateway}/openapi.json").json()
    named = {
        f"{method.upper()} {path}": [each for each in told.get("parameters", ()) if in_header(each)]
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }
    described = {name: parameters for name, parameters in named.items() if parameters}
    assert described.keys() == {ASK, FORM}
    for (parameter,) in described.values():
        assert parameter["name"] == SOURCE_HEADER
        assert not parameter.get("required")  # an app that says nothing is served as well
        assert all(f"`{source}`" in parameter["description"] for source in SOURCES)
    assert SOURCE_HEADER in httpx.get(f"{gateway}/reference").text


def in_header(parameter: dict[str, Any]) -> bool:
    return parameter["in"] == "header"


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

    def __init__(self, key: str, stub: StubReplica) -> None:
        self.shop = {"authorization": f"Bearer {key}"}
        self._stub = stub
        self.seen: dict[str, set[int]] = defaultdict(set)
        self.ids = {"user": "u-1", "file_id": "file-none", "batch_id": "batch_none"}
        """What paths name."""

    def send(self, url: str, name: str, **changed: Any) -> httpx.Response:
        operation = BY_NAME[name]
        path = operation.path.format(model=changed.pop("model", "shopsight"), **self.ids)
        sent: dict[str, Any] = {"headers": self.shop, "timeout": 20}
        if name in JSON_BODIES:
            sent["json"] = JSON_BODIES[name]
        elif name in (FORM, UPLOAD):
            sent["files"] = {"photo": photo()}
            sent["data"] = {"question": "what?"} if name == FORM else {}
        elif name == FILE:
            sent["files"] = {"file": ("lines.jsonl", b"no line\n")}
            sent["data"] = {"purpose": "batch"}
        if changed.keys() & {"json", "content", "files"}:
            sent = {key: sent[key] for key in ("headers", "timeout")}
        sent |= changed
        self._stub.tokens = [("是", {"是": 0.75, "不": 0.25})] if name == MATCH else card_tokens()
        answer = httpx.request(operation.method, url + path, **sent)
        is_json = answer.headers["content-type"] == "application/json"
        self.note(name, answer.status_code, answer.json() if is_json else None)
        return answer

    def note(self, name: str, status: int, body: Any = None) -> None:
        operation: Operation = BY_NAME[name]
        assert status in {*operation.status, *operation.statuses}, (name, status, body)
        if body is not None and "error" in body:
            codes = {error.code for error in operation.statuses[status]}
            assert body["error"]["code"] in codes, (name, status, body)
        elif body is not None:
            assert is_one_of(body, operation.answer), (name, status, body)
        self.seen[name].add(status)


def is_one_of(body: Any, answers: Any) -> bool:
    """Whether an answer is as the description has it."""
    for answer in answers if isinstance(answers, tuple) else (answers,):
        with suppress(ValidationError):
            answer.model_validate(body)
            return True
    return False


def cut_off(url: str, name: str, caused: Caused, *lines: str) -> int:
    """The status of a head without the body that it promises, or does not."""
    media = "multipart/form-data; boundary=b" if name in (FORM, FILE) else "application/json"
    path = BY_NAME[name].path.format(**caused.ids)
    shop = f"Authorization: {caused.shop['authorization']}"
    head = (f"POST {path} HTTP/1.1", "Host: x", shop, f"Content-Type: {media}")
    sent = "\r\n".join((*head, *lines, "", ""))
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(sent.encode())
        answer = HTTPResponse(client)
        answer.begin()
        answer.read()
        return answer.status


@pytest.mark.long
def test_each_status_that_is_described_occurs_and_no_other(
    start_gateway: Start, stub: StubReplica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten minutes: files are large.
    monkeypatch.setattr("gateway.usecases.batching.UPLOAD_DEADLINE_MS", 1500)
    seen = Caused(new_key(f"sqlite:///{tmp_path / 'log.db'}", "shop"), stub)
    kept = {"image_dir": tmp_path / "images", "file_dir": tmp_path / "files"}
    usual = start_gateway(
        replicas=stub.url, api_keys=KEYS, deadline_ms=1500, file_max_bytes=1_000_000,
        batch_poll_s=3600, **kept,
    )  # fmt: skip
    for name in BY_NAME:
        seen.send(usual, name)
        seen.send(usual, name, headers={**seen.shop, "host": "evil.example"})
    for name in CHANGES:
        seen.send(usual, name, headers={"authorization": "Bearer other"})
        seen.send(usual, name, headers={**seen.shop, **EVIL})
    for name in (MODELS, MODEL, *LOOKS):
        seen.send(usual, name, headers={"authorization": "Bearer other"})
    for name in LOOKS:
        seen.send(usual, name, headers=LESSER)
    seen.send(usual, MODEL, model="none")
    for name in (FILES, BATCHES):
        seen.send(usual, name, params={"limit": 0})

    for name in POSTS:  # bodies
        media = "multipart/form-data; boundary=b" if name in (FORM, FILE) else "application/json"
        large = {**seen.shop, "content-type": media}
        seen.send(usual, name, content=b"--b\r\n" + b"x" * 15_000_000, headers=large)
        media = "text/plain" if name != UPLOAD else "multipart/form-data"
        seen.send(usual, name, content=b"{}", headers={**seen.shop, "content-type": media})
        seen.note(name, cut_off(usual, name, seen))
        seen.note(name, cut_off(usual, name, seen, "Content-Length: 9"))
    seen.send(usual, FILE, files={"file": b"x" * 2_000_000}, data={"purpose": "batch"})
    for name in HELD:
        once = {**seen.shop, "idempotency-key": name}
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
    for name, field in ((FORM, "question"), (CARD_OF, "user"), (MATCH, "text")):
        seen.send(usual, name, files={"photo": DAMAGED}, data={field: "what?"})
        unknown = {"image_id": (None, "img_" + "0" * 32), field: (None, "what?")}
        seen.send(usual, name, files=unknown)
    seen.send(usual, UPLOAD, files={"photo": DAMAGED})
    url = {"type": "image_url", "image_url": {"url": data_uri(DAMAGED)}}
    seen.send(usual, JUDGE, json={"input": [url]})
    seen.send(usual, ASK, json={"image_id": "img_" + "0" * 32, "prompt": "what?"})
    seen.send(usual, ASK, json=chat("what?", model="none"))
    seen.send(usual, CARD_OF, json={**JSON_BODIES[CARD_OF], "model": "none"})

    for number, behaviour in enumerate(("garbage", "hang"), 3):  # replicas
        stub.behaviour = behaviour
        seen.send(usual, ASK, json=chat(behaviour))
        seen.send(usual, FORM, data={"question": behaviour})
        for name in (CARD_OF, MATCH):
            seen.send(usual, name, json={**JSON_BODIES[name], "image": data_uri(photo(number))})
    stub.behaviour = "answer"

    seen.ids["file_id"] = seen.send(usual, FILE).json()["id"]  # files and batches
    for name in (FILES, FILE_FACTS, CONTENT):
        seen.send(usual, name)
    for part in ("bytes=1-2", "bytes=1-2,4-5", "bytes=900-", "nonsense"):
        seen.send(usual, CONTENT, headers={**seen.shop, "range": part})
    made = {**JSON_BODIES[BATCH], "input_file_id": seen.ids["file_id"]}
    seen.ids["batch_id"] = seen.send(usual, BATCH, json=made).json()["id"]
    for name in (BATCHES, BATCH_STATE, CANCEL):
        seen.send(usual, name)
    key = "Idempotency-Key: cancel"
    seen.note(CANCEL, cut_off(usual, CANCEL, seen, key))
    seen.note(CANCEL, cut_off(usual, CANCEL, seen, key, "Content-Length: 9"))
    once = {**seen.shop, "idempotency-key": "cancel"}
    seen.send(usual, CANCEL, content=b"x" * 15_000_000, headers=once)
    once = {**seen.shop, "idempotency-key": "batch"}
    failing = seen.send(usual, BATCH, json=made, headers=once).json()["id"]
    seen.send(usual, BATCH, json={**made, "metadata": {}}, headers=once)

    few = start_gateway(
        replicas=stub.url, api_keys=KEYS, anonymous="allow",
        tenant_limits="questions_per_s=0.01 burst=1", batch_poll_s=0.05, **kept,
    )  # fmt: skip
    post(few, chat("what?"), **seen.shop)
    for name in (*CHANGES, *LOOKS):
        seen.send(few, name)
    seen.ids["batch_id"] = failing  # by now, since its file has no lines of a batch

    def is_over() -> bool:
        return bool(seen.send(usual, BATCH_STATE).json()["status"] == "failed")

    wait_until("the batch's end", is_over)
    seen.send(usual, CANCEL)
    seen.send(usual, DELETE_FILE)

    full = start_gateway(replicas="http://127.0.0.1:9", api_keys=KEYS, spool_max_bytes=1, **kept)
    writer = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # so that what is spooled stays there
    for name in (*CHANGES, MODEL, READY):
        seen.send(full, name)
    writer.close()

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
    for name in (MODELS, ERASE, *LOOKS):
        seen.send(nobody_knows, name)

    expected = {name: {*each.status, *each.statuses} for name, each in BY_NAME.items()}
    missing = {name: expected[name] - seen.seen[name] for name in BY_NAME}
    assert {name: left for name, left in missing.items() if left} == {}
