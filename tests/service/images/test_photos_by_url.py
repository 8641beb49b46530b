"""Photos by address through a gateway: who may, what is asked of their servers, what is kept."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.images import MAX_IMAGE_BYTES
from contract.process.logs import configure_logging
from gateway.identity.callers import hash_key
from gateway.images.remote.photos import RemotePhotos
from tests.support.asking import data_uri, photo, post, rows, text_of
from tests.support.batches import ENDED, QUICK, jsonl, new_key, shop
from tests.support.cards import card_tokens
from tests.support.photo_host import Handler, PhotoHost, here, photo_host
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.unit.contract.test_several_photos import ANSWER, turn

Start = Callable[..., str]
SHOP = {"authorization": "Bearer key-1"}
OTHER = {"authorization": "Bearer key-2"}
KEYS = f"shop {hash_key('key-1')}\nother {hash_key('key-2')}"
A, B, C = (data_uri(photo(number)) for number in (1, 2, 3))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[PhotoHost]:
    opened = partial(RemotePhotos.open, **here())
    monkeypatch.setattr(RemotePhotos, "open", opened)
    with photo_host() as server:
        yield server


@pytest.fixture
def start_shop(start_gateway: Start, stub: StubReplica, host: PhotoHost, tmp_path: Path) -> Start:
    """Starts a gateway that fetches photos from the host for both tenants."""
    hosts = f"shop={host.listed},other={host.listed}"
    known = {"image_url_hosts": hosts, "api_keys": KEYS, "image_dir": tmp_path / "images"}
    return partial(start_gateway, replicas=stub.url, **known)


def ask(url: str, *shown: str, question: str = "which?", **headers: str) -> httpx.Response:
    """In OpenAI's form, as the shop unless it says otherwise."""
    body = {"model": "shopsight", "messages": [turn(*shown, text=question)]}
    return post(url, body, **(headers or SHOP))


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def shown(call: dict[str, Any]) -> list[str]:
    """What a replica was sent."""
    return [
        part["image_url"]["url"]
        for message in call["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]


# --- where


def test_a_photo_by_address_is_the_photo(
    start_shop: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1))
    first = ask(gateway, host.url())
    assert text_of(first)
    assert shown(stub.calls[0]) == [A], "a replica gets the file and no address"
    assert ask(gateway, A).headers["x-cache"] == "hit", "the same picture by data"
    short = post(gateway, {"image": host.url(), "prompt": "which?"}, **SHOP)
    assert short.json()["text"] == text_of(first)


def test_cards_and_matches_take_addresses(
    start_shop: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1))
    stub.tokens = card_tokens()
    body = {"image": host.url()}
    card = httpx.post(f"{gateway}/v1/products/card", json=body, headers=SHOP, timeout=20)
    assert card.json()["card"]["category"] == "手提包", card.text
    stub.tokens = [("是", {"是": 0.75, "不": 0.25})]
    body["text"] = "手提包"
    match = httpx.post(f"{gateway}/v1/match", json=body, headers=SHOP, timeout=20)
    assert match.json()["score"] == 0.75
    assert [shown(call) for call in stub.calls] == [[A], [A]]


def test_several_photos_come_by_address_by_id_and_as_data(
    start_shop: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1))
    host.serve("/label.jpg", photo(2))
    uploaded = httpx.post(f"{gateway}/v1/images", content=photo(3), headers=SHOP).json()["id"]
    many = [host.url(), uploaded, host.url("/label.jpg"), B]
    assert text_of(ask(gateway, *many))
    assert shown(stub.calls[0]) == [A, C, B, B]
    assert ask(gateway, *many).headers["x-cache"] == "hit"
    messages = [turn(host.url()), ANSWER, turn(host.url(), text="why?")]
    assert text_of(post(gateway, {"messages": messages}, **SHOP))
    assert shown(stub.calls[1]) == [A], "the same address in each turn shows nothing new"
    host.serve("/label.jpg", b"no photo at all")
    place = "messages.0.content.2.image_url.url"
    assert error_of(ask(gateway, *many)) == (415, "unsupported_image_type", place)


def test_lines_of_batches_take_addresses_and_try_again(
    start_shop: Start, stub: StubReplica, host: PhotoHost, tmp_path: Path
) -> None:
    failed: list[str] = []

    def flaky(handler: Handler) -> None:
        """A server that has its bad moments."""
        if not failed:
            failed.append(handler.path)
            handler.reply(503, b"")
        else:
            handler.reply(200, photo(1))

    host.answers["/bag.jpg"] = flaky
    key = new_key(f"sqlite:///{tmp_path / 'log.db'}", "shop")
    client = shop(start_shop(**QUICK, file_dir=tmp_path / "files"), key)
    lines = [
        {"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": body}
        for number, body in enumerate(
            {"messages": [turn(url, text="what?")]} for url in (host.url(), host.url("/none.jpg"))
        )
    ]
    file = client.files.create(file=("lines.jsonl", jsonl(lines)), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    wait_until("its end", lambda: client.batches.retrieve(batch.id).status in ENDED)
    batch = client.batches.retrieve(batch.id)
    assert batch.output_file_id
    assert batch.error_file_id
    assert json.loads(client.files.content(batch.output_file_id).text)["custom_id"] == "0"
    error = json.loads(client.files.content(batch.error_file_id).text)
    assert error["response"]["body"]["error"]["code"] == "image_url_refused"
    assert (failed, shown(stub.calls[0])) == (["/bag.jpg"], [A])


# --- who


def test_nothing_is_fetched_unless_ops_say_so(
    start_gateway: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS)
    place = "messages.0.content.0.image_url.url"
    for headers in (SHOP, {"x-none": ""}):
        assert error_of(ask(gateway, host.url(), **headers)) == (400, "url_not_allowed", place)
    assert error_of(post(gateway, {"image": host.url(), "prompt": "?"}))[2] == "image"
    assert host.connections == []


def test_each_tenant_has_its_own_hosts(
    start_gateway: Start, stub: StubReplica, host: PhotoHost
) -> None:
    hosts = f"shop={host.listed},other=img.other.example"
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS, image_url_hosts=hosts)
    host.serve("/bag.jpg", photo(1))
    place = "messages.0.content.1.image_url.url"
    for headers in (OTHER, {"x-none": ""}):
        refused = ask(gateway, B, host.url(), **headers)
        assert error_of(refused) == (400, "url_not_allowed", place)
    assert host.connections == []
    assert text_of(ask(gateway, host.url()))
    assert error_of(ask(gateway, "https://img.other.example/"))[1] == "url_not_allowed"


def test_shoppers_without_a_key_are_the_tenant_public(
    start_gateway: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_gateway(replicas=stub.url, image_url_hosts=f"public={host.listed}")
    host.serve("/bag.jpg", photo(1))
    assert text_of(post(gateway, {"image": host.url(), "prompt": "?"}))


@pytest.mark.parametrize(
    ("question", "says"),
    [("这是真皮吗?", "data URI"), ("Is it leather?", "upload it at /v1/images")],
)
def test_who_may_not_is_told_what_to_do_instead(
    start_gateway: Start, stub: StubReplica, question: str, says: str
) -> None:
    refused = ask(start_gateway(replicas=stub.url), "https://a.example/", question=question)
    message = refused.json()["error"]["message"]
    assert says in message
    assert message.isascii() == question.isascii()


# --- known again


def test_a_photo_that_has_not_changed_is_known_by_its_etag(
    start_shop: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1), etag='"1"')
    told = [ask(gateway, host.url()).headers["x-cache"] for _ in range(3)]
    assert told == ["miss", "hit", "hit"]
    assert [seen.headers.get("if-none-match") for seen in host.seen] == [None, '"1"', '"1"']
    assert text_of(ask(gateway, host.url(), question="why?"))
    assert shown(stub.calls[1]) == [A], "its file was kept"
    assert len(host.seen) == 4

    host.serve("/bag.jpg", photo(2), etag='"2"')
    changed = ask(gateway, host.url())
    assert changed.headers["x-cache"] == "miss"
    assert shown(stub.calls[2]) == [B]
    host.serve("/bag.jpg", photo(1), etag='"1"')
    assert ask(gateway, host.url()).headers["x-cache"] == "hit", "as it was before"


def test_by_date_where_there_is_no_etag(start_shop: Start, host: PhotoHost) -> None:
    gateway = start_shop()
    date = "Mon, 02 Feb 2026 10:00:00 GMT"
    host.serve("/bag.jpg", photo(1), last_modified=date)
    for _ in range(2):
        assert text_of(ask(gateway, host.url()))
    assert [seen.headers.get("if-modified-since") for seen in host.seen] == [None, date]


def test_a_fresh_photo_is_not_asked_for_at_all(start_shop: Start, host: PhotoHost) -> None:
    host.serve("/bag.jpg", photo(1), cache_control="max-age=3600")
    for longest, asked in ((300, 1), (0, 3)):
        gateway = start_shop(image_url_fresh_s=longest)
        host.seen.clear()
        for question in ("which?", "which?", "why?"):
            assert text_of(ask(gateway, host.url(), question=question))
        assert len(host.seen) == asked


def test_what_may_not_be_kept_is_fetched_each_time(start_shop: Start, host: PhotoHost) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1), etag='"1"', cache_control="no-store, max-age=60")
    for _ in range(2):
        assert text_of(ask(gateway, host.url()))
    assert [seen.headers.get("if-none-match") for seen in host.seen] == [None, None]


def test_what_one_tenant_was_shown_is_new_to_another(start_shop: Start, host: PhotoHost) -> None:
    gateway = start_shop()
    host.serve("/bag.jpg", photo(1), etag='"1"', cache_control="max-age=60")
    assert text_of(ask(gateway, host.url()))
    assert ask(gateway, host.url(), **OTHER).headers["x-cache"] == "miss"
    assert [seen.headers.get("if-none-match") for seen in host.seen] == [None, None]


def test_a_file_that_is_not_kept_comes_again_and_only_if_it_is_the_same(
    start_shop: Start, stub: StubReplica, host: PhotoHost
) -> None:
    gateway = start_shop(image_url_bytes=0)
    host.serve("/bag.jpg", photo(1), etag='"1"', cache_control="max-age=60")
    for question in ("which?", "why?"):
        assert text_of(ask(gateway, host.url(), question=question))
    assert len(host.seen) == 2, "the second for the file alone"
    host.serve("/bag.jpg", photo(2), etag='"2"', cache_control="max-age=60")
    changed = ask(gateway, host.url(), question="how?")
    assert error_of(changed)[:2] == (409, "image_url_changed")
    assert changed.headers["retry-after"] == "1"
    assert text_of(ask(gateway, host.url(), question="how?"))
    assert shown(stub.calls[-1]) == [B]


def test_fifty_who_ask_at_once_fetch_once(start_shop: Start, host: PhotoHost) -> None:
    gateway = start_shop()

    def slowly(handler: Handler) -> None:
        time.sleep(3)
        handler.reply(200, photo(1))

    host.answers["/bag.jpg"] = slowly
    with ThreadPoolExecutor(50) as many:
        answers = list(many.map(lambda _: ask(gateway, host.url()), range(50)))
    assert len({text_of(answer) for answer in answers}) == 1
    assert len(host.seen) < 10, "those that came when the first were done"


# --- what goes wrong


def test_what_is_no_photo_is_refused_as_if_it_was_sent(start_shop: Start, host: PhotoHost) -> None:
    gateway = start_shop()
    host.serve("/page.html", b"<html>" * 100, content_type="image/jpeg")
    host.serve("/damaged.jpg", photo(1)[:200])
    host.serve("/empty.jpg", b"")
    host.serve("/large.jpg", photo(1) + b"x" * MAX_IMAGE_BYTES)
    place = "messages.0.content.0.image_url.url"
    found = {path: error_of(ask(gateway, host.url(path))) for path in host.answers}
    assert found == {
        "/page.html": (415, "unsupported_image_type", place),
        "/damaged.jpg": (422, "image_undecodable", place),
        "/empty.jpg": (422, "image_undecodable", place),
        "/large.jpg": (413, "payload_too_large", place),
    }


def test_all_photos_of_a_conversation_together_have_one_bound(
    start_shop: Start, host: PhotoHost
) -> None:
    """The second is left as soon as it is larger than what the first has left over."""
    gateway = start_shop(image_url_timeout_s=5)
    half = photo(1) + b"\0" * (MAX_IMAGE_BYTES // 2)

    def promises(handler: Handler) -> None:
        handler.head(200, content_length=str(len(half)))
        time.sleep(20)

    def trickles(handler: Handler) -> None:
        handler.head(200, connection="close")
        handler.wfile.write(half)
        time.sleep(20)

    host.serve("/half.jpg", half)
    host.answers |= {"/promises.jpg": promises, "/trickles.jpg": trickles}
    place = "messages.0.content.1.image_url.url"
    for path in ("/half.jpg", "/promises.jpg", "/trickles.jpg"):
        refused = ask(gateway, host.url("/half.jpg"), host.url(path))
        assert error_of(refused) == (413, "payload_too_large", place), "and not: too slow"


def moved(handler: Handler) -> None:
    handler.reply(302, b"", location="https://a.example/")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda handler: handler.reply(404, b""), "image_url_refused"),
        (lambda handler: handler.reply(500, b""), "image_url_unreachable"),
        (moved, "image_url_redirected"),
        (lambda handler: time.sleep(2), "image_url_too_slow"),
    ],
    ids=["refused", "unreachable", "redirected", "too slow"],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_failure_says_what_to_do_in_the_asker_s_language(
    start_shop: Start, host: PhotoHost, answer: Any, code: str, language: str
) -> None:
    gateway = start_shop(image_url_timeout_s=0.5 if code == "image_url_too_slow" else 10)
    host.answers["/bag.jpg"] = answer
    question = "这是真皮吗?" if language == "zh" else "Is it leather?"
    failed = ask(gateway, host.url(), question=question)
    assert error_of(failed) == (422, code, "messages.0.content.0.image_url.url")
    message = failed.json()["error"]["message"]
    assert message.isascii() == (language == "en")
    assert host.name not in failed.text


def test_what_was_fetched_counts_among_the_bytes_of_the_day(
    start_shop: Start, host: PhotoHost
) -> None:
    gateway = start_shop(tenant_limits="bytes_per_day=100e3")
    host.serve("/bag.jpg", photo(1) + b"\0" * 100_000)
    assert text_of(ask(gateway, host.url()))
    assert error_of(ask(gateway, host.url()))[:2] == (429, "quota_exceeded")


# --- what is left of an address


def test_an_address_is_stored_nowhere_and_in_no_line_of_a_log(
    start_shop: Start,
    host: PhotoHost,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("", "httpcore", "httpx", "uvicorn.access"):  # as they were, after the test
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "level", logger.level)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr("contract.process.logs.LIBRARY_LINES", 10_000)
    configure_logging("DEBUG")
    logging.getLogger("another library").debug("is heard")
    try:
        gateway = start_shop()
        secret = "/u17/s3cret-token.jpg?key=s3cret-key"
        host.serve("/u17/s3cret-token.jpg", photo(1), etag='"s3cret-etag"')
        host.answers["/s3cret-moved"] = lambda handler: handler.reply(302, b"", location=secret)
        answers = [
            ask(gateway, host.url(path))
            for path in ("/s3cret-moved", secret, secret, "/s3cret-none")
        ]
    finally:
        logging.captureWarnings(False)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422]
    logged = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert [row["outcome"] for row in logged] == ["answered"] * 3 + ["refused"]
    assert logged[0]["image_digest"] == logged[2]["image_digest"]
    out, err = capfd.readouterr()
    assert "is heard" in out
    assert [word for word in ("s3cret", host.name) if word in out + err] == []
    assert "s3cret" not in repr(logged)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if b"s3cret" in path.read_bytes()] == []
    assert all("s3cret" not in repr(answer.headers) + answer.text for answer in answers)
