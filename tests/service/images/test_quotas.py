"""What may be kept: one file a photo and owner, so much of a session, of a tenant, of the disk."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select

from gateway.identity.callers import hash_key
from gateway.log.schema.tables import images
from tests.support.asking import data_uri, photo, post, text_of
from tests.support.migrating import migrate
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
KEYS = f"acme {hash_key('one')}\nrival {hash_key('two')}"
ACME, RIVAL = ({"authorization": f"Bearer {key}"} for key in ("one", "two"))
USERS: tuple[dict[str, str], ...] = tuple({"user": name} for name in ("u0", "u1", "u2"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def upload(client: httpx.Client, seed: int, **fields: str) -> httpx.Response:
    return client.post("/v1/images", files={"photo": ("a.jpg", photo(seed))}, data=fields)


def all_rows(url: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(select(images)))
    engine.dispose()
    return found


def test_an_owner_s_photo_is_one_file_and_one_id_however_often_it_is_sent(
    start_gateway: Start, stub: StubReplica, folder: Path, database_url: str
) -> None:
    migrate(database_url)
    settings = {
        "replicas": stub.url,
        "image_dir": folder,
        "database_url": database_url,
        "session_secret": "s",
        "api_keys": KEYS,
    }
    gateways = [start_gateway(**settings) for _ in range(2)]
    with httpx.Client(base_url=gateways[0], timeout=60) as shopper:
        first = upload(shopper, 1).json()
        jar = dict(shopper.cookies)

        def again(number: int) -> httpx.Response:
            url = gateways[number % 2]
            with httpx.Client(base_url=url, cookies=jar, timeout=60) as client:
                return upload(client, 1)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(again, range(16)))
        assert {answer.status_code for answer in answers} == {201}
        assert {answer.json()["id"] for answer in answers} == {first["id"]}
        assert len(files(folder)) == len(all_rows(database_url)) == 1
        assert max(a.json()["expires_at"] for a in answers) >= first["expires_at"]
        assert upload(shopper, 2).json()["id"] != first["id"]
    # Another owner of the same photo: another file, that is erased and expires with its owner.
    with httpx.Client(base_url=gateways[0], headers=ACME, timeout=60) as shop:
        ids = {upload(shop, 1, **who).json()["id"] for who in USERS}
        assert len(ids) == 3
        assert len(files(folder)) == 5
        assert shop.delete("/v1/users/u1/data").json()["images"] == 1
        assert len(files(folder)) == 4
        (anew,) = {upload(shop, 1, user="u1").json()["id"]}
        assert anew not in ids, "what was erased does not come back"


def test_two_at_once_of_a_new_photo_make_one_file(
    start_gateway: Start, stub: StubReplica, folder: Path, database_url: str
) -> None:
    migrate(database_url)
    gateway = start_gateway(
        replicas=stub.url, image_dir=folder, database_url=database_url, api_keys=KEYS
    )

    def send(_: int) -> str:
        answer = httpx.post(f"{gateway}/v1/images", content=photo(1), headers=ACME, timeout=60)
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["id"]
        return name

    with ThreadPoolExecutor(8) as threads:
        (name,) = set(threads.map(send, range(8)))
    assert len(files(folder)) == len(all_rows(database_url)) == 1
    assert text_of(post(gateway, {"image_id": name, "prompt": "真皮吗?"}, **ACME))


def test_a_photo_that_was_sent_again_elsewhere_lives_on_here(
    start_gateway: Start, stub: StubReplica, folder: Path
) -> None:
    settings = {"replicas": stub.url, "image_dir": folder, "api_keys": KEYS}
    here, elsewhere = (start_gateway(**settings, image_ttl_s=ttl_s) for ttl_s in (4, 3600))

    def send(gateway: str) -> Any:
        return httpx.post(f"{gateway}/v1/images", content=photo(1), headers=ACME).json()

    def ask(name: str) -> int:
        return post(here, {"image_id": name, "prompt": "真皮吗?"}, **ACME).status_code

    first = send(here)
    assert ask(first["id"]) == 200
    assert send(elsewhere)["id"] == first["id"]
    wait_until("its first end", lambda: time.time() > first["expires_at"] + 1)
    assert ask(first["id"]) == 200


def test_consent_of_a_photo_sent_twice_is_what_both_gave(
    start_gateway: Start, stub: StubReplica, folder: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, image_dir=folder)
    with httpx.Client(base_url=gateway) as shopper:
        assert upload(shopper, 1, consent="improve").json()["consent"] == "improve"
        assert upload(shopper, 1, consent="improve").json()["consent"] == "improve"
        assert upload(shopper, 1).json()["consent"] is None
        assert upload(shopper, 1, consent="improve").json()["consent"] is None


def test_a_file_that_the_disk_has_lost_is_written_again(
    start_gateway: Start, stub: StubReplica, folder: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, image_dir=folder)
    with httpx.Client(base_url=gateway) as shopper:
        name = upload(shopper, 1).json()["id"]
        (file,) = files(folder)
        file.unlink()
        assert upload(shopper, 1).json()["id"] == name
        assert files(folder) == [file]


@pytest.mark.parametrize(("language", "word"), [("zh", "照片"), ("en", "photos")])
def test_a_session_keeps_so_many_photos_and_no_more(
    start_gateway: Start, stub: StubReplica, folder: Path, language: str, word: str
) -> None:
    gateway = start_gateway(replicas=stub.url, image_dir=folder, session_limits="stored_photos=3")
    with httpx.Client(base_url=gateway, headers={"accept-language": language}) as shopper:
        answers = [upload(shopper, seed) for seed in range(5)]
        assert [answer.status_code for answer in answers] == [201] * 3 + [429] * 2
        assert upload(shopper, 0).status_code == 201, "it is there already"
        error = answers[-1].json()["error"]
        assert (error["code"], word in error["message"]) == ("quota_exceeded", True)
        assert 0 < int(answers[-1].headers["retry-after"]) <= 86_400
        assert answers[-1].headers["x-ratelimit-limit-photos"] == "3"
    assert len(files(folder)) == 3
    with httpx.Client(base_url=gateway) as another:
        assert upload(another, 7).status_code == 201


def test_bytes_of_a_session_and_of_a_tenant_are_bounded(
    start_gateway: Start, stub: StubReplica, folder: Path
) -> None:
    size = len(photo(1))
    gateway = start_gateway(
        replicas=stub.url,
        image_dir=folder,
        api_keys=KEYS,
        session_limits=f"stored_bytes={size * 2.5}",
        tenant_limits=f"stored_bytes={size * 3.5}",
        anonymous_limits=f"stored_bytes={size * 4.5}",
    )
    with httpx.Client(base_url=gateway, headers=ACME) as shop:
        assert [upload(shop, n).status_code for n in range(5)] == [201] * 3 + [429] * 2
    with httpx.Client(base_url=gateway, headers=RIVAL) as other:
        assert upload(other, 1).status_code == 201
    with httpx.Client(base_url=gateway) as one, httpx.Client(base_url=gateway) as two:
        assert [upload(one, n).status_code for n in range(4)] == [201] * 2 + [429] * 2
        assert [upload(two, n).status_code for n in range(2)] == [201] * 2
        assert upload(two, 5).status_code == 429, "shoppers together have four"


def test_nothing_is_kept_where_too_little_of_the_disk_is_free(
    start_gateway: Start, stub: StubReplica, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway(
        replicas=stub.url, image_dir=folder, image_disk_free=0.999_999, image_disk_free_bytes=2**60
    )
    answer = httpx.post(f"{gateway}/v1/images", content=photo(1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "image_store_unavailable")
    assert files(folder) == []
    (told,) = [record for record in caplog.records if record.msg == "upload not kept"]
    assert told.__dict__["fields"] == {"why": "DiskFullError"}
    assert text_of(post(gateway, {"image": data_uri(photo(1)), "prompt": "真皮吗?"})), (
        "asking goes on"
    )
