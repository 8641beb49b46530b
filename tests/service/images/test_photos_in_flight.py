"""Photos that are kept, or fetched, are held for a question only once a replica takes it, and count
with bodies then."""

import gc
import io
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from PIL import Image

from contract.images import EncodedImage
from gateway.identity.callers import hash_key
from gateway.images.in_flight import BytesInFlight
from gateway.images.remote.photos import RemotePhotos
from gateway.pool.queue.admission_queue import AdmissionQueue
from tests.support.asking import photo, post, text_of
from tests.support.photo_host import PhotoHost, here, photo_host
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]
Asking = Callable[[str, str, str], Future[httpx.Response]]
MB = 1024 * 1024
SHOP = {"authorization": "Bearer key-1"}
KEYS = f"shop {hash_key('key-1')}"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[PhotoHost]:
    monkeypatch.setattr(RemotePhotos, "open", partial(RemotePhotos.open, **here()))
    with photo_host() as server:
        yield server


@pytest.fixture
def start_shop(start_gateway: Start, stub: StubReplica, tmp_path: Path) -> Start:
    gc.collect()
    return partial(start_gateway, replicas=stub.url, api_keys=KEYS, image_dir=tmp_path / "images")


@pytest.fixture
def asking() -> Iterator[Asking]:
    """Asks, and does not wait for the answer."""
    with ThreadPoolExecutor(8) as threads:

        def ask(url: str, named: str, question: str) -> Future[httpx.Response]:
            field = "image_id" if named.startswith("img_") else "image"
            return threads.submit(post, url, {field: named, "prompt": question}, **SHOP)

        yield ask


def held() -> int:
    return sum(isinstance(each, EncodedImage) for each in gc.get_objects())


def waiting() -> int:
    return sum(len(each) for each in gc.get_objects() if isinstance(each, AdmissionQueue))


def in_flight() -> int:
    return sum(each.held for each in gc.get_objects() if isinstance(each, BytesInFlight))


def upload(url: str, data: bytes) -> str:
    answer = httpx.post(f"{url}/v1/images", content=data, headers=SHOP, timeout=30)
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["id"]
    return name


@pytest.mark.parametrize("how", ["by id", "by address"])
def test_questions_that_wait_hold_no_photo(
    start_shop: Start,
    stub: StubReplica,
    host: PhotoHost,
    asking: Asking,
    how: str,
) -> None:
    url = start_shop(replica_concurrency=1, image_url_hosts=f"shop={host.listed}")
    host.serve("/bag.jpg", photo(), cache_control="max-age=60")
    named = upload(url, photo()) if how == "by id" else host.url()
    text_of(asking(url, named, "what is it?").result())
    before = held()
    stub.held.add("hold")
    answers = [asking(url, named, f"does it hold {number}?") for number in range(4)]
    wait_until("one is with the replica", lambda: len(stub.calls) == 2 and waiting() == 3)
    assert held() <= before + 1
    assert in_flight() == len(photo())
    stub.held.clear()
    assert all(text_of(answer.result()) for answer in answers)
    wait_until("nothing is held", lambda: in_flight() == 0)


def test_what_may_be_kept_nowhere_counts_while_its_question_waits(
    start_shop: Start,
    stub: StubReplica,
    host: PhotoHost,
    asking: Asking,
) -> None:
    url = start_shop(replica_concurrency=1, image_url_hosts=f"shop={host.listed}")
    host.serve("/bag.jpg", photo(), cache_control="no-store")
    stub.held.add("hold")
    answers = []
    for number in range(3):
        answers.append(asking(url, host.url(), f"does it hold {number}?"))
        wait_until("it waits", lambda: len(stub.calls) == 1 and waiting() == len(answers) - 1)
    assert in_flight() == 3 * len(photo())
    stub.held.clear()
    assert all(text_of(answer.result()) for answer in answers)
    wait_until("nothing is held", lambda: in_flight() == 0)


def test_what_does_not_fit_is_503_until_another_is_answered(
    start_shop: Start, stub: StubReplica, asking: Asking
) -> None:
    url = start_shop(body_bytes_in_flight=16 * MB)
    noise, file = Image.effect_noise((1750, 1750), 120), io.BytesIO()
    Image.merge("RGB", [noise] * 3).save(file, "PNG", compress_level=0)
    large, small = upload(url, file.getvalue()), upload(url, photo())
    stub.held.add("hold")
    first = asking(url, large, "does it hold?")
    wait_until("it is with the replica", lambda: len(stub.calls) == 1)
    refused = asking(url, large, "what is it?").result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert text_of(asking(url, small, "what is it?").result())
    stub.held.clear()
    assert text_of(first.result())
    assert text_of(asking(url, large, "what is it?").result())


def test_a_second_replica_is_shown_the_photo_as_well(start_shop: Start, stub: StubReplica) -> None:
    with stub_replica() as other:
        url = start_shop(replicas=f"{stub.url},{other.url}")
        body = {"image_id": upload(url, photo())}
        assert text_of(post(url, {**body, "prompt": "what is it?"}, **SHOP))
        first, second = (stub, other) if stub.calls else (other, stub)
        first.behaviour = "500"
        assert text_of(post(url, {**body, "prompt": "which is it?"}, **SHOP))
        assert [len(first.calls), len(second.calls)] == [2, 1]
        (once, tried), (again,) = first.calls, second.calls
        assert once["messages"][-1]["content"][0] == again["messages"][-1]["content"][0]
        assert tried["messages"] == again["messages"]
    assert in_flight() == 0
