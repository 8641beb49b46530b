"""Uploads in a bucket of a real object store, OpenStack Swift by its S3 interface: it is shared by
several gateways, away, hanging, and back."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select

from gateway.cli.doctor.finding import Grade
from gateway.cli.doctor.object_store import check_object_store
from gateway.config import Settings
from gateway.identity.callers import hash_key
from gateway.log.schema.tables import images
from tests.support.asking import chat, photo, text_of
from tests.support.command_line import shopsight
from tests.support.migrating import migrate
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.support.swift_server import ObjectStore

Start = Callable[..., str]
PATH = "/v1/chat/completions"
KEYS = f"acme {hash_key('one')}\nrival {hash_key('two')}"
ACME = {"authorization": "Bearer one"}
CHINESE, ENGLISH = ({"accept-language": language} for language in ("zh-CN", "en"))


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return tmp_path.name


@pytest.fixture
def start_shared(
    start_gateway: Start, stub: StubReplica, object_store: ObjectStore, prefix: str, tmp_path: Path
) -> Start:
    """Gateways of one installation: the same bucket, and no folder."""
    shared = {"replicas": stub.url, "api_keys": KEYS, "session_secret": "s" * 32}
    shared |= {"pseudonym_key": "key", "image_dir": tmp_path / "unused"}
    return partial(start_gateway, **shared, **object_store.settings(prefix))


def client_of(url: str, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, headers=headers)


def upload(client: httpx.Client, seed: int = 0, **fields: str) -> httpx.Response:
    return client.post("/v1/images", files={"photo": ("a.jpg", photo(seed))}, data=fields)


def ask(client: httpx.Client, name: str, question: str = "what?", **headers: str) -> httpx.Response:
    return client.post(PATH, json={"image_id": name, "prompt": question}, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_gateways_share_a_bucket_and_no_folder(
    start_shared: Start,
    stub: StubReplica,
    object_store: ObjectStore,
    prefix: str,
    tmp_path: Path,
    database_url: str,
) -> None:
    migrate(database_url)
    urls = [start_shared(database_url=database_url) for _ in range(2)]
    with client_of(urls[0]) as shopper:
        first = upload(shopper).json()
        jar = dict(shopper.cookies)

        def again(number: int) -> str:
            with httpx.Client(base_url=urls[number % 2], cookies=jar, timeout=60) as client:
                return str(upload(client).json()["id"])

        with ThreadPoolExecutor(8) as threads:
            ids = set(threads.map(again, range(8)))
        assert ids == {first["id"]}
        ((name, size),) = object_store.files(prefix).items()
        assert name == f"{prefix}/{first['id'][-2:]}/{first['id'].removeprefix('img_')}"
        assert size == len(photo(0))
        elsewhere = shopper.post(urls[1] + PATH, json={"image_id": first["id"], "prompt": "what?"})
        assert text_of(elsewhere)
    assert len(stub.calls) == 1
    with client_of(urls[0], **ACME) as one, client_of(urls[1], **ACME) as two:
        for user in ("u0", "u1"):
            assert upload(one, user=user).status_code == 201
        assert len(object_store.files(prefix)) == 3
        assert two.delete("/v1/users/u1/data").json()["images"] == 1
        assert len(object_store.files(prefix)) == 2
    assert not (tmp_path / "unused").exists()


def test_quotas_count_what_other_gateways_have_kept(
    start_shared: Start, object_store: ObjectStore, prefix: str
) -> None:
    # A bucket has no disk that could be full.
    urls = [
        start_shared(
            session_limits="stored_photos=3", image_disk_free=0.999_999, image_disk_free_bytes=2**60
        )
    ] * 2
    with client_of(urls[0]) as shopper:
        kept = [upload(shopper, seed).status_code for seed in range(3)]
        full = shopper.post(urls[1] + "/v1/images", content=photo(4))
    assert kept == [201] * 3
    assert code(full) == (429, "quota_exceeded")
    assert len(object_store.files(prefix)) == 3


def test_what_has_expired_leaves_the_bucket(
    start_shared: Start, object_store: ObjectStore, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.images.uploads.SWEEP_S", 0.2)
    gateway = start_shared(image_ttl_s=2)
    with client_of(gateway) as shopper:
        for seed in range(3):
            assert upload(shopper, seed).status_code == 201
    assert len(object_store.files(prefix)) > 0
    wait_until("swept", lambda: not object_store.files(prefix), 20)


def test_while_the_store_is_away_askers_are_told_so_and_nothing_is_lost(
    start_shared: Start, stub: StubReplica, object_store: ObjectStore, prefix: str
) -> None:
    gateway = start_shared()
    with client_of(gateway) as shopper:
        name = upload(shopper).json()["id"]
        assert text_of(ask(shopper, name, "answered before"))
        calls = len(stub.calls)
        object_store.stop()
        try:
            zh, en = (
                shopper.post("/v1/images", content=photo(1), headers=language)
                for language in (CHINESE, ENGLISH)
            )
            unread = ask(shopper, name, "这是没有回答过的吗？")
            assert {code(each) for each in (zh, en, unread)} == {(503, "image_store_unavailable")}
            assert "暂时无法存取上传的照片" in zh.text
            assert "暂时无法存取上传的照片" in unread.text
            assert "cannot be kept or read right now" in en.text
            assert int(zh.headers["retry-after"]) > 0
            assert len(stub.calls) == calls, "no replica is asked without the photo"
            assert ask(shopper, name, "answered before").headers["x-cache"] == "hit"
            # Nor is one blamed: it answers whoever sends the photo along.
            assert text_of(shopper.post(PATH, json=chat("with the photo?", photo())))
        finally:
            object_store.start()
        wait_until("asked again", lambda: ask(shopper, name, "then?").status_code == 200, 5)
        assert upload(shopper, 1).status_code == 201
    assert len(object_store.files(prefix)) == 2


def test_an_erasure_that_the_store_does_not_hear_of_is_to_be_sent_again(
    start_shared: Start, object_store: ObjectStore, prefix: str
) -> None:
    gateway = start_shared()
    with client_of(gateway, **ACME) as shop:
        assert upload(shop, user="u1").status_code == 201
        object_store.stop()
        try:
            assert code(shop.delete("/v1/users/u1/data")) == (503, "erasure_incomplete")
        finally:
            object_store.start()
        assert len(object_store.files(prefix)) == 1
        time.sleep(1)  # a store that has failed is left alone for so long
        assert shop.delete("/v1/users/u1/data").json()["images"] == 1
    assert not object_store.files(prefix)


def test_a_store_that_hangs_holds_up_no_cached_answer(
    start_shared: Start, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.images.store.ANSWER_S", 2)
    monkeypatch.setattr("gateway.images.uploads.REMEMBERED_UPLOADS", 0)  # each is looked up
    gateway = start_shared()
    with client_of(gateway) as shopper:
        name = upload(shopper).json()["id"]
        assert text_of(ask(shopper, name))
        with object_store.hanging(), ThreadPoolExecutor(8) as threads:

            def send(seed: int) -> httpx.Response:
                with client_of(gateway) as other:
                    return upload(other, seed)

            sent = threads.map(send, range(10, 18))
            time.sleep(0.5)
            began = time.monotonic()
            assert ask(shopper, name).headers["x-cache"] == "hit"
            assert time.monotonic() - began < 1
            assert {code(each) for each in sent} == {(503, "image_store_unavailable")}
            assert time.monotonic() - began < 15, "not one after the other"


def test_a_question_waits_briefly_for_a_store_that_hangs(
    start_shared: Start, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a place at a replica meanwhile."""
    monkeypatch.setattr("gateway.images.store.ANSWER_S", 3600)
    monkeypatch.setattr("gateway.images.store.SOON_S", 0.3)
    gateway = start_shared()
    with client_of(gateway) as shopper:
        name = upload(shopper).json()["id"]
        with object_store.hanging():
            assert code(ask(shopper, name)) == (503, "image_store_unavailable")


def test_a_write_of_which_nobody_knows_how_it_ended_is_swept(
    start_shared: Start,
    object_store: ObjectStore,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.images.store.ANSWER_S", 1)
    monkeypatch.setattr("gateway.images.uploads.SWEEP_S", 0.2)
    gateway = start_shared()
    with client_of(gateway) as shopper:
        with object_store.hanging():
            assert code(upload(shopper)) == (503, "image_store_unavailable")
        # Swift has read the request and does it now. Nobody was given the photo's id.
        engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")

        def kept() -> int:
            with engine.connect() as connection:
                return len(connection.execute(select(images)).all())

        wait_until("swept", lambda: not kept() and not object_store.files(prefix), 20)
        engine.dispose()
        assert upload(shopper).status_code == 201
    assert len(object_store.files(prefix)) == 1


def test_doctor_tries_the_bucket(object_store: ObjectStore, prefix: str) -> None:
    def found(**changed: Any) -> tuple[Grade, str]:
        values = object_store.settings(prefix) | changed
        (finding,) = check_object_store(Settings(_env_file=None, **values))  # type: ignore[call-arg]
        assert "drill" not in finding.message + finding.advice
        return finding.state, finding.message

    state, said = found()
    assert (state, said.partition(",")[0]) == (Grade.OK, f"s3://photos/{prefix} takes photos")
    assert not object_store.files(prefix), "it leaves nothing behind"
    assert found(image_store="")[0] is Grade.SKIP
    assert found(image_store="s3://none/x")[0] is Grade.FAIL
    assert found(image_store_secret="wrong")[0] is Grade.FAIL
    assert found(image_store_endpoint="http://127.0.0.1:9")[0] is Grade.FAIL
    assert shopsight("doctor", IMAGE_STORE="gs://bucket").returncode == 1
