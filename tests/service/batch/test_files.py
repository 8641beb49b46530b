"""Files as they come in: streamed to the disk within bounds, quotas, and what is no file."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest

from tests.support.batches import CHAT, jsonl, new_key, question, settings_of, shop
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
MB = 1024 * 1024
# Says nothing about a database.
ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Uploads:
    """A shop, and gateways with one folder of files."""

    def __init__(self, start: Start, key: str, folder: Path, known: dict[str, object]) -> None:
        self.folder, self.key, self._start, self._known = folder, key, start, known

    def gateway(self, **settings: object) -> str:
        return self._start(**{**self._known, **settings})

    def post(self, url: str, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
        known = {
            "authorization": f"Bearer {self.key}",
            "content-type": "multipart/form-data; boundary=x",
        }
        return httpx.post(f"{url}/v1/files", content=body, headers={**known, **headers}, timeout=60)

    @property
    def on_disk(self) -> list[Path]:
        return [path for path in (self.folder / "files").rglob("*") if path.is_file()]


@pytest.fixture
def uploads(start_gateway: Start, stub: StubReplica, tmp_path: Path, database_url: str) -> Uploads:
    key = new_key(database_url, "acme")
    return Uploads(start_gateway, key, tmp_path, settings_of(tmp_path, database_url, stub.url))


def form(data: bytes, purpose: str = "batch", field: str = "file") -> bytes:
    head = (
        f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="a/鞋.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    tail = (
        f'\r\n--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--x--\r\n'
    )
    return head.encode() + data + tail.encode()


def pieces(body: bytes) -> Iterator[bytes]:
    for begin in range(0, len(body), 64 * 1024):
        yield body[begin : begin + 64 * 1024]


@ON_ONE
@pytest.mark.parametrize("chunked", [True, False])
def test_a_file_larger_than_a_gateway_may_hold_goes_to_the_disk(
    uploads: Uploads, chunked: bool
) -> None:
    url = uploads.gateway(body_bytes_in_flight=16 * MB)
    data = jsonl([question(1, "x" * 1_000)]) * 40_000
    assert len(data) > 40 * MB
    body = form(data)
    answer = uploads.post(
        url, pieces(body) if chunked else body, **{"idempotency-key": "of this upload"}
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["bytes"], told["filename"]) == (len(data), "a/鞋.jsonl")
    (path,) = uploads.on_disk
    assert path.read_bytes() == data
    read = httpx.get(
        f"{url}/v1/files/{told['id']}/content", headers={"authorization": f"Bearer {uploads.key}"}
    )
    assert read.content == data
    assert "attachment" in read.headers["content-disposition"]


@ON_ONE
def test_what_is_too_large_is_413_and_leaves_nothing(uploads: Uploads) -> None:
    url = uploads.gateway(file_max_bytes=MB)
    for body in (form(b"x" * 2 * MB), pieces(form(b"x" * 2 * MB))):
        answer = uploads.post(url, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file_too_large")
    assert uploads.on_disk == []
    assert uploads.post(url, form(b"x" * 100)).status_code == 200


@ON_ONE
def test_a_refused_sender_who_stalls_is_answered(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.batch.file_form.DRAIN_S", 0.2)
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer of nobody\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n"
    )
    port = int(uploads.gateway().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head.encode() + b"--x\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 401 ")


@ON_ONE
def test_a_part_of_a_file_is_sent_or_refused(uploads: Uploads) -> None:
    url = uploads.gateway()
    file = uploads.post(url, form(b"0123456789")).json()["id"]

    def part(wanted: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {uploads.key}", "range": wanted}
        return httpx.get(f"{url}/v1/files/{file}/content", headers=headers)

    some = part("bytes=7-")
    assert (some.status_code, some.content) == (206, b"789")
    beyond = part("bytes=10-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    assert beyond.json()["error"]["code"] == "range_not_satisfiable"
    assert "x-request-id" in beyond.headers
    assert part("items=7-").content == b"0123456789"  # a unit that nobody knows is ignored


@ON_ONE
@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (form(b"x", purpose="vision"), "invalid_field", "purpose"),
        (form(b"x", field="photo"), "invalid_field", "photo"),
        (form(b"x")[:-6], "invalid_multipart", None),
        (b"nonsense", "invalid_multipart", None),
        (form(b"x").replace(b'; filename="a/\xe9\x9e\x8b.jsonl"', b""), "invalid_field", "file"),
        (form(b"x").replace(b'"purpose"', b'"colour"'), "invalid_field", "colour"),
    ],
)
def test_what_is_no_file_is_refused_and_leaves_nothing(
    uploads: Uploads, body: bytes, code: str, param: str | None
) -> None:
    answer = uploads.post(uploads.gateway(), body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert uploads.on_disk == []


@ON_ONE
def test_a_client_that_leaves_in_the_middle_leaves_nothing(uploads: Uploads) -> None:
    url = uploads.gateway()
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {uploads.key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as client:
        client.sendall(head.encode() + form(b"x" * 4 * MB)[: 4 * MB])
        wait_until("some of it", lambda: bool(uploads.on_disk))
    wait_until("nothing", lambda: uploads.on_disk == [])


def test_a_shop_keeps_so_many_bytes_and_no_more(uploads: Uploads) -> None:
    url = uploads.gateway(batch_limits="stored_bytes=2500")
    client = shop(url, uploads.key)
    data = b"x" * 1_000
    first, _ = (client.files.create(file=data, purpose="batch") for _ in range(2))
    with pytest.raises(openai.RateLimitError) as caught:
        client.files.create(file=data, purpose="batch")
    assert caught.value.code == "quota_exceeded"
    assert caught.value.response.headers["x-ratelimit-limit-stored-bytes"] == "2500"
    assert caught.value.response.headers["x-should-retry"] == "false"
    client.files.delete(first.id)
    assert client.files.create(file=data, purpose="batch").bytes == 1_000
    assert len(uploads.on_disk) == 2


def test_uploads_at_once_do_not_pass_the_quota_together(uploads: Uploads) -> None:
    url = uploads.gateway(batch_limits="stored_bytes=2500")
    told: list[int] = []

    def send() -> None:
        told.append(uploads.post(url, form(b"x" * 1_000)).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [200, 200, 429, 429, 429, 429]
    assert len(uploads.on_disk) == 2


def test_a_batch_of_an_unknown_file_names_its_own_field(uploads: Uploads) -> None:
    client = shop(uploads.gateway(batch_concurrency=0), uploads.key)
    with pytest.raises(openai.NotFoundError) as caught:
        client.batches.create(
            input_file_id=f"file-{'0' * 32}", endpoint=CHAT, completion_window="24h"
        )
    assert (caught.value.code, caught.value.param) == ("file_not_found", "input_file_id")


def test_a_shop_has_so_many_batches_under_way(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.batch.batches.OPEN_BATCHES", 2)
    client = shop(uploads.gateway(batch_concurrency=0), uploads.key)
    file = client.files.create(file=jsonl([question(1, "x")]), purpose="batch")

    def create() -> str:
        return client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h"
        ).id

    assert create() != create()
    with pytest.raises(openai.RateLimitError) as caught:
        create()
    assert "batches" in caught.value.message


@ON_ONE
def test_a_batch_that_is_sent_again_with_its_key_is_made_once(uploads: Uploads) -> None:
    client = shop(uploads.gateway(batch_concurrency=0), uploads.key)
    file = client.files.create(file=jsonl([question(1, "x")]), purpose="batch")
    made = {
        client.batches.create(
            input_file_id=file.id,
            endpoint=CHAT,
            completion_window="24h",
            extra_headers={"idempotency-key": file.id},
        ).id
        for _ in range(3)
    }
    assert [batch.id for batch in client.batches.list()] == list(made)


def test_it_is_made_once_also_where_no_gateway_has_kept_the_answer(uploads: Uploads) -> None:
    """As after a loss of Redis: each of these keeps answers in its own memory."""
    shops = [shop(uploads.gateway(batch_concurrency=0), uploads.key) for _ in range(2)]
    files = [shops[0].files.create(file=jsonl([question(1, "x")]), purpose="batch").id] * 2

    def create(client: openai.OpenAI, file: str, key: str = "one") -> str:
        return client.batches.create(
            input_file_id=file,
            endpoint=CHAT,
            completion_window="24h",
            extra_headers={"idempotency-key": key},
        ).id

    with ThreadPoolExecutor() as threads:
        made = set(threads.map(create, shops, files))
    assert len(made) == 1
    made.add(create(shops[1], files[0], "two"))
    assert {batch.id for batch in shops[0].batches.list()} == made
    assert len(made) == 2


@ON_ONE
def test_a_disk_that_is_nearly_full_takes_no_file(uploads: Uploads) -> None:
    url = uploads.gateway(image_disk_free=0.999_999, image_disk_free_bytes=2**60)
    answer = uploads.post(url, form(b"x"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "file_store_unavailable")
    assert answer.headers["retry-after"]
