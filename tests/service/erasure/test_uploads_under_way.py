"""Uploads that are on their way while their person is being erased."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gateway.identity.callers import hash_key
from gateway.images.store import PhotoStore
from tests.support.asking import chat, photo, post, text_of
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

KEY = {"authorization": "Bearer key-1"}
MEDIA = {"content-type": "multipart/form-data; boundary=b"}
FORM = (
    b'--b\r\ncontent-disposition: form-data; name="user"\r\n\r\nalice\r\n'
    b'--b\r\ncontent-disposition: form-data; name="photo"; filename="p"\r\n\r\n'
    b"%b\r\n--b--\r\n"
) % photo()


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize(("headers", "who"), [(KEY, "alice"), ({}, "me")])
def test_an_upload_that_began_before_the_erasure_and_ended_after_it_is_gone(
    start_gateway: Callable[..., str],
    stub: StubReplica,
    tmp_path: Path,
    headers: dict[str, str],
    who: str,
) -> None:
    folder = tmp_path / "images"
    keys = f"shop {hash_key('key-1')}"
    url = start_gateway(replicas=stub.url, api_keys=keys, pseudonym_key="key", image_dir=folder)
    with httpx.Client(base_url=url, headers=headers, timeout=20) as shopper:
        text_of(shopper.post("/v1/chat/completions", json=chat("mine?")))  # brings the cookie
        cookies = dict(shopper.cookies)

        def body() -> Iterator[bytes]:
            yield FORM[:300]
            time.sleep(0.3)  # until its headers have come
            address = f"{url}/v1/users/{who}/data"
            erased = httpx.delete(address, headers=headers | cookie(cookies), timeout=20)
            assert erased.status_code == 200, erased.text
            yield FORM[300:]

        during = shopper.post("/v1/images", content=body(), headers=MEDIA)
        assert during.status_code == 201, during.text
        assert files(folder) == []
        after = shopper.post("/v1/images", content=FORM, headers=MEDIA)
        assert after.status_code == 201
        assert len(files(folder)) == 1, "new data"
        about = [{"image_id": answer.json()["id"], "prompt": "?"} for answer in (during, after)]
        asked = [post(url, body, **headers, **cookie(cookies)).status_code for body in about]
        assert asked == [404, 200]


def test_what_was_still_being_kept_when_its_time_was_up_is_gone_as_well(
    start_gateway: Callable[..., str],
    stub: StubReplica,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, erased, write = tmp_path / "images", threading.Event(), PhotoStore.write
    keys = f"shop {hash_key('key-1')}"
    more = {"api_keys": keys, "pseudonym_key": "key", "image_dir": folder, "deadline_ms": 1500}
    url = start_gateway(replicas=stub.url, **more)

    def write_late(store: PhotoStore, key: uuid.UUID, data: bytes) -> None:
        erased.wait()
        write(store, key, data)
        wrote.append(key)

    wrote = list[uuid.UUID]()
    monkeypatch.setattr(PhotoStore, "write", write_late)
    late = httpx.post(f"{url}/v1/images", content=FORM, headers=MEDIA | KEY, timeout=20)
    assert late.status_code == 503
    answer = httpx.delete(f"{url}/v1/users/alice/data", headers=KEY, timeout=20)
    erased.set()
    assert answer.status_code == 200, answer.text
    wait_until("the file came, and went", lambda: bool(wrote) and files(folder) == [])


def cookie(cookies: dict[str, str]) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
