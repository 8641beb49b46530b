"""Photos uploaded once and asked about by their id."""

import base64
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from gateway.identity.callers import hash_key
from tests.support.asking import chat, photo, rows, text_of
from tests.support.pictures import encoded, picture
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
PATH = "/v1/chat/completions"
KEYS = "shop-a " + hash_key("key-a") + "\nshop-b " + hash_key("key-b")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica, folder: Path) -> str:
    return start_gateway(replicas=stub.url, image_dir=folder, api_keys=KEYS)


def shopper(url: str) -> httpx.Client:
    """Someone with a browser's cookies."""
    return httpx.Client(base_url=url, timeout=20)


def tenant(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=20, headers={"authorization": f"Bearer {key}"})


def upload(client: httpx.Client, data: bytes, media: str = "image/jpeg") -> str:
    answer = client.post("/v1/images", content=data, headers={"content-type": media})
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["id"]
    return name


def about(name: str, question: str = "what?") -> dict[str, object]:
    content = [
        {"type": "image_url", "image_url": {"url": name}},
        {"type": "text", "text": question},
    ]
    return {"model": "shopsight", "messages": [{"role": "user", "content": content}]}


def test_a_photo_is_uploaded_once_and_asked_about_in_every_form(
    gateway: str, stub: StubReplica, tmp_path: Path
) -> None:
    with shopper(gateway) as client:
        name = upload(client, photo())
        answers = [
            client.post(PATH, json=about(name)),
            client.post(PATH, json={"image_id": name, "prompt": "what?"}),
            client.post("/v1/ask", files={"image_id": (None, name), "question": (None, "what?")}),
            client.post("/v1/ask", data={"question": "what?"}, files={"photo": photo()}),
        ]
    assert {text_of(answer) for answer in answers} == {"关于「What?」:好"}
    assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit", "hit", "hit"]
    sent = stub.calls[0]["messages"][-1]["content"][0]["image_url"]["url"]
    assert sent.startswith("data:image/jpeg;base64,")
    kinds = [row["kind"] for row in rows(f"sqlite:///{tmp_path / 'log.db'}")]
    assert kinds == ["upload", "ask", "ask", "ask", "ask"]


def test_what_an_upload_says_of_itself(gateway: str) -> None:
    with shopper(gateway) as client:
        answer = client.post("/v1/images", files={"photo": ("a.jpg", photo(), "image/jpeg")})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["width"], body["height"], body["format"]) == (64, 48, "JPEG")
    assert body["bytes"] == len(photo())
    assert body["expires_at"] - body["created_at"] == 86_400
    assert answer.headers["x-interaction-id"]


def test_another_s_upload_is_as_unknown_as_none(gateway: str) -> None:
    with shopper(gateway) as one, shopper(gateway) as two, tenant(gateway, "key-a") as shop:
        name = upload(one, photo())
        strangers = [
            client.post(PATH, json=about(wanted))
            for client in (two, shop)
            for wanted in (name, "img_" + "0" * 32)
        ]
    assert {answer.status_code for answer in strangers} == {404}
    assert {answer.json()["error"]["code"] for answer in strangers} == {"image_not_found"}


def test_a_known_body_does_not_open_another_s_upload(gateway: str) -> None:
    # The same bytes of a body, asked by its owner first: what is remembered must not be given out.
    with shopper(gateway) as one, shopper(gateway) as two:
        name = upload(one, photo())
        for _ in range(2):
            assert text_of(one.post(PATH, json=about(name)))
        assert two.post(PATH, json=about(name)).status_code == 404


def test_an_upload_by_key_belongs_to_the_tenant(gateway: str) -> None:
    with tenant(gateway, "key-a") as one, tenant(gateway, "key-b") as other:
        name = upload(one, photo())
        assert text_of(one.post(PATH, json=about(name)))
        assert other.post(PATH, json=about(name)).status_code == 404


def test_two_gateways_share_uploads(start_gateway: Start, stub: StubReplica, folder: Path) -> None:
    settings = {"replicas": stub.url, "image_dir": folder, "session_secret": "s" * 32}
    urls = [start_gateway(**settings) for _ in range(2)]
    with shopper(urls[0]) as client:
        name = upload(client, photo())
        answer = client.post(urls[1] + PATH, json=about(name))
    assert text_of(answer)


def test_an_upload_expires(start_gateway: Start, stub: StubReplica, folder: Path) -> None:
    gateway = start_gateway(replicas=stub.url, image_dir=folder, image_ttl_s=1)
    with shopper(gateway) as client:
        name = upload(client, photo())
        assert text_of(client.post(PATH, json=about(name)))
        time.sleep(1.1)
        gone = client.post(PATH, json=about(name))
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "image_not_found")


def test_the_file_of_an_expired_upload_is_deleted(
    start_gateway: Start, stub: StubReplica, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.images.uploads.SWEEP_S", 0.2)
    gateway = start_gateway(replicas=stub.url, image_dir=folder, image_ttl_s=1)
    with shopper(gateway) as client:
        upload(client, photo())
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 1
    wait_until("swept", lambda: not files[0].exists(), 5)


@pytest.mark.parametrize(
    ("data", "media", "status", "code"),
    [
        (b"", "image/jpeg", 422, "image_undecodable"),
        (b"GIF89a....", "image/gif", 415, "unsupported_image_type"),
        (photo()[:200], "image/jpeg", 422, "image_undecodable"),
        (b"x" * (14 * 1024 * 1024), "image/jpeg", 413, "payload_too_large"),
    ],
)
def test_what_is_no_photo_is_refused_and_not_kept(
    gateway: str, folder: Path, data: bytes, media: str, status: int, code: str
) -> None:
    with shopper(gateway) as client:
        answer = client.post("/v1/images", content=data, headers={"content-type": media})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not list(folder.rglob("*"))


def test_a_photo_and_an_id_at_once_are_refused(gateway: str) -> None:
    with shopper(gateway) as client:
        name = upload(client, photo())
        both = client.post(
            "/v1/ask", data={"question": "what?", "image_id": name}, files={"photo": photo()}
        )
        neither = client.post(PATH, json={"prompt": "what?"})
        nonsense = client.post(PATH, json={"image_id": "../../etc/passwd", "prompt": "what?"})
    assert [a.status_code for a in (both, neither, nonsense)] == [400, 400, 400]


def test_where_uploads_cannot_be_kept_the_shopper_is_told_so(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    gateway = start_gateway(replicas=stub.url, image_dir=tmp_path / "file")
    with shopper(gateway) as client:
        answer = client.post("/v1/images", content=photo())
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "image_store_unavailable"
    assert answer.headers["retry-after"]


def test_an_upload_whose_file_is_gone_can_be_uploaded_again(
    gateway: str, folder: Path, stub: StubReplica
) -> None:
    with shopper(gateway) as client:
        name = upload(client, photo())
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
        lost = client.post(PATH, json=about(name))
        assert (lost.status_code, lost.json()["error"]["code"]) == (404, "image_not_found")
        assert text_of(client.post(PATH, json=about(upload(client, photo()))))


def test_an_upload_that_cannot_be_recorded_leaves_no_file(
    start_gateway: Start, stub: StubReplica, folder: Path, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, image_dir=folder)
    with sqlite3.connect(tmp_path / "log.db") as database:
        database.execute("DROP TABLE images")
    with shopper(gateway) as client:
        assert client.post("/v1/images", content=photo()).status_code == 503
    assert not [path for path in folder.rglob("*") if path.is_file()]


TYPES = ["image/JPEG", "image/jpeg; charset=binary", "image/*", "image", "multipart/form-data",
         "binary/octet-stream", "application/octet-stream", "image/png", "text/plain"]  # fmt: skip


@pytest.mark.parametrize("media", TYPES)
def test_whatever_type_a_photo_is_given_its_bytes_decide(gateway: str, media: str) -> None:
    file = {"photo": ("photo.png", photo(), media)}
    raw = {"content-type": media}
    with shopper(gateway) as client:
        asked = client.post("/v1/ask", data={"question": "what?"}, files=file)
        assert asked.status_code == 200, asked.text
        assert client.post("/v1/images", files=file).status_code == 201
        if media != "multipart/form-data":
            uploaded = client.post("/v1/images", content=photo(), headers=raw)
            assert uploaded.status_code == 201, uploaded.text
            assert uploaded.json()["format"] == "JPEG"


@pytest.mark.parametrize(
    "media",
    ["application/json; charset=utf8", "application/json;charset=UTF-8", "Application/JSON",
     'application/json; charset="utf-8"', "application/json; profile=x"],
)  # fmt: skip
def test_json_by_any_of_its_names(gateway: str, media: str) -> None:
    with shopper(gateway) as client:
        body = json.dumps(chat("what?", photo()))
        answer = client.post(PATH, content=body, headers={"content-type": media})
    assert answer.status_code == 200, answer.text


def test_what_is_kept_of_an_upload_tells_neither_place_nor_maker(
    gateway: str, stub: StubReplica, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "CANARY"
    exif.get_ifd(0x8825)[29] = "CANARY"
    data = encoded(picture(), "JPEG", exif=exif)
    with shopper(gateway) as client:
        name = upload(client, data)
        answers = [
            client.post(PATH, json=about(name)),
            client.post(PATH, json=chat("what?", data)),
        ]
    assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit"]
    (file,) = (path for path in (tmp_path / "images").rglob("*") if path.is_file())
    assert b"CANARY" in data
    assert b"CANARY" not in file.read_bytes()
    sent = stub.calls[0]["messages"][-1]["content"][0]["image_url"]["url"]
    assert base64.b64decode(sent.partition(",")[2]) == file.read_bytes()
