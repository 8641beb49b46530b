"""One photo from a real TLS server that does everything wrong: names that change, redirects,
bodies that never end. Only what is public is connected to; these tests say that 127.0.0.1 is."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.errors import PayloadTooLarge, ShopsightError
from gateway.errors import RateLimited
from gateway.images.remote import fetch as module
from gateway.images.remote import slots as slots_module
from gateway.images.remote.errors import (
    ImageUrlRedirected,
    ImageUrlRefused,
    ImageUrlTooSlow,
    ImageUrlUnreachable,
)
from gateway.images.remote.fetch import PhotoFetcher
from gateway.images.remote.hosts import read_url
from gateway.images.remote.known import Fetched
from gateway.images.remote.public import is_public
from gateway.images.remote.slots import FetchSlots
from tests.support.photo_host import NAME, Handler, Names, PhotoHost, authority, here, photo_host
from tests.support.servers import wait_until

MAX_BYTES = 100_000
BODY = b"a photo" * 100


@pytest.fixture
def host() -> Iterator[PhotoHost]:
    with photo_host() as server:
        server.serve("/bag.jpg", BODY, etag='"1"')
        yield server


def fetcher(timeout_s: float = 5, slots: FetchSlots | None = None, **network: Any) -> PhotoFetcher:
    return PhotoFetcher(slots or FetchSlots(4, ["shop"]), timeout_s, **{**here(), **network})


async def fetched(
    url: str, by: PhotoFetcher | None = None, tenant: str = "shop", **condition: str
) -> Fetched:
    wanted = {name.replace("_", "-"): value for name, value in condition.items()}
    return await (by or fetcher()).fetch(read_url(url), tenant, MAX_BYTES, wanted)


async def refused(
    error: type[ShopsightError], url: str, by: PhotoFetcher | None = None, tenant: str = "shop"
) -> None:
    with pytest.raises(error) as caught:
        await fetched(url, by, tenant)
    assert type(caught.value) is error


async def test_a_photo_comes_whole_and_without_our_secrets(host: PhotoHost) -> None:
    found = await fetched(host.url("/bag.jpg?token=1"))
    assert (found.data, found.headers["etag"]) == (BODY, '"1"')
    (seen,) = host.seen
    assert seen.target == "/bag.jpg?token=1"
    names = {"User-Agent", "Accept", "Accept-Encoding", "Host"}
    assert {name.title() for name in seen.headers} == names
    assert seen.headers["host"] == host.listed


async def test_a_photo_that_has_not_changed_does_not_come_again(host: PhotoHost) -> None:
    assert (await fetched(host.url(), if_none_match='"1"')).data is None
    assert (await fetched(host.url(), if_none_match='"0"')).data == BODY


# --- names and addresses


async def test_a_name_is_looked_up_once_and_its_address_is_pinned() -> None:
    """DNS rebinding: public at the look-up, this machine a moment later."""
    names = Names({NAME: [["127.0.0.2"], ["127.0.0.1"]]})
    by = fetcher(look_up=names, may_connect=lambda address: address == "127.0.0.2")
    with photo_host(address="127.0.0.2") as public:
        public.serve("/bag.jpg", BODY)

        def to_itself(handler: Handler) -> None:
            handler.reply(302, b"", location="/bag.jpg", connection="close")

        public.answers["/moved"] = to_itself
        with photo_host(port=public.port) as private:
            assert (await fetched(public.url("/moved"), by)).data == BODY
            assert names.asked == [NAME], "also where a redirect needs another connection"
            await refused(ImageUrlUnreachable, public.url(), by)
            assert private.connections == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1"],
        ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["169.254.169.254"],
        ["100.100.100.200"], ["fd00:ec2::254"], ["10.0.0.1"], ["0.0.0.0"], [],
    ],
)  # fmt: skip
async def test_nothing_is_connected_to_that_is_not_public(
    host: PhotoHost, addresses: list[str]
) -> None:
    by = fetcher(look_up=Names({NAME: [addresses]}), may_connect=is_public)
    await refused(ImageUrlUnreachable, host.url(), by)
    assert host.connections == []


async def test_this_machine_is_not_public_unless_a_test_says_so(host: PhotoHost) -> None:
    slots = FetchSlots(1, ["shop"])
    by = PhotoFetcher(slots, 5, look_up=Names({NAME: [["127.0.0.1"]]}))
    await refused(ImageUrlUnreachable, host.url(), by)
    assert host.connections == []
    assert module.look_up("localhost", 1), "what the system says, where nobody says otherwise"


async def test_the_next_address_is_tried_where_nobody_answers_at_the_first(host: PhotoHost) -> None:
    by = fetcher(
        look_up=Names({NAME: [["127.0.0.9", "127.0.0.1"]]}), may_connect=lambda address: True
    )
    assert (await fetched(host.url(), by)).data == BODY


def test_of_each_family_one_address_is_tried() -> None:
    assert module.addresses_to_try(["2a00::1", "2a00::2", "8.8.8.8"]) == ["2a00::1", "8.8.8.8"]
    assert module.addresses_to_try(["8.8.8.8", "9.9.9.9", "7.7.7.7"]) == ["8.8.8.8", "9.9.9.9"]
    assert module.addresses_to_try(["8.8.8.8"]) == ["8.8.8.8"]


async def test_a_name_that_is_not_there_is_unreachable(host: PhotoHost) -> None:
    await refused(ImageUrlUnreachable, host.url(name="other.shop.example"))


async def test_nobody_listens_there(host: PhotoHost) -> None:
    by = fetcher(look_up=Names({NAME: [["127.0.0.9"]]}), may_connect=lambda address: True)
    await refused(ImageUrlUnreachable, host.url(), by)


# --- certificates


async def test_a_certificate_for_another_name_is_not_trusted() -> None:
    with photo_host("other.shop.example") as host:
        host.serve("/bag.jpg", BODY)
        await refused(ImageUrlUnreachable, host.url(name=NAME))
        assert host.seen == [], "nothing is said to whom nobody knows"


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(host: PhotoHost) -> None:
    with photo_host(signed_by=authority("Evil")) as evil:
        evil.serve("/bag.jpg", BODY)
        await refused(ImageUrlUnreachable, evil.url())
        assert evil.seen == []
    await refused(ImageUrlUnreachable, host.url(), fetcher(context=ssl.create_default_context()))


async def test_a_server_without_tls_is_not_spoken_to() -> None:
    got: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await refused(ImageUrlUnreachable, f"https://{NAME}:{port}/bag.jpg")
    assert not got or not got[0].startswith(b"GET")


# --- redirects


def redirect(location: str, status: int = 302) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(status, b"elsewhere", location=location)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_on_the_same_host_is_followed(host: PhotoHost, status: int) -> None:
    host.answers["/moved"] = redirect("bag.jpg?size=1", status)
    assert (await fetched(host.url("/moved"))).data == BODY
    assert host.seen[-1].target == "/bag.jpg?size=1"


@pytest.mark.parametrize(
    "location",
    [
        "https://other.shop.example/bag.jpg", "//other.shop.example/bag.jpg",
        "http://cdn.shop.example/bag.jpg", "https://cdn.shop.example/bag.jpg", "https://127.0.0.1/",
        "https://[::1]/", "https://me@cdn.shop.example/", "/\\other.shop.example/",
        "https://cdn.shop.example:22/", "file:///etc/passwd", "https://[", "",
    ],
)  # fmt: skip
async def test_a_redirect_to_anywhere_else_is_not(host: PhotoHost, location: str) -> None:
    """`https://cdn.shop.example/` is another port than the listed one of this server."""
    with photo_host("other.shop.example") as other:
        by = fetcher(**here(NAME, "other.shop.example"))
        url = location.replace("other.shop.example", other.listed)
        host.answers["/moved"] = redirect(url)
        await refused(ImageUrlRedirected, host.url("/moved"), by)
        assert other.connections == []
    assert [seen.target for seen in host.seen] == ["/moved"]


async def test_redirects_end(host: PhotoHost) -> None:
    for number in range(4):
        host.answers[f"/{number}"] = redirect(f"/{number + 1}")
    host.serve("/2", BODY)
    assert (await fetched(host.url("/0"))).data == BODY
    host.answers["/2"] = redirect("/3")
    await refused(ImageUrlRedirected, host.url("/0"))
    host.answers["/round"] = redirect("/round")
    await refused(ImageUrlRedirected, host.url("/round"))


# --- time and size


def drip(handler: Handler) -> None:
    handler.head(200, content_length="1000")
    for _ in range(1000):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def drip_head(handler: Handler) -> None:
    for _ in range(1000):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def silence(handler: Handler) -> None:
    time.sleep(20)


@pytest.mark.parametrize("slow", [drip, drip_head, silence])
async def test_a_slow_server_is_left_after_the_time_for_a_photo(
    host: PhotoHost, slow: Callable[[Handler], None]
) -> None:
    host.answers["/slow"] = slow
    began = time.monotonic()
    await refused(ImageUrlTooSlow, host.url("/slow"), fetcher(0.5))
    assert time.monotonic() - began < 10


async def test_a_server_that_accepts_and_says_nothing_is_too_slow() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await refused(ImageUrlTooSlow, f"https://{NAME}:{port}/bag.jpg", fetcher(0.3))


async def test_a_look_up_that_hangs_is_too_slow_and_keeps_its_slot_until_it_is_over() -> None:
    over = threading.Event()

    def hangs(host: str, port: int) -> list[str]:
        if host == NAME:
            over.wait(20)
        return ["127.0.0.1"]

    slots = FetchSlots(2, ["shop", "other"])
    by = fetcher(1.5, slots, **{**here(), "look_up": hangs})
    with photo_host("b.shop.example") as host, pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots_module, "WAIT_S", 0.3)
        host.serve("/bag.jpg", BODY)
        try:
            await refused(ImageUrlTooSlow, host.url(name=NAME), by)
            await refused(RateLimited, host.url(), by)
            found = await fetched(host.url(), by, "other")
            assert found.data == BODY, "another tenant's look-ups go on"
        finally:
            over.set()
        await asyncio.sleep(0.1)
        assert (await fetched(host.url(), by)).data == BODY


def endless(handler: Handler) -> None:
    handler.head(200, transfer_encoding="chunked")
    while True:
        handler.wfile.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")


def until_closed(handler: Handler) -> None:
    handler.head(200, connection="close")
    while True:
        handler.wfile.write(b"x" * 10_000)


def declared(handler: Handler) -> None:
    handler.head(200, content_length="1000000000000")
    handler.wfile.write(b"x")
    time.sleep(20)


@pytest.mark.parametrize("large", [endless, until_closed, declared])
async def test_a_large_body_is_left_at_its_bound(
    host: PhotoHost, large: Callable[[Handler], None]
) -> None:
    host.answers["/large"] = large
    await refused(PayloadTooLarge, host.url("/large"))


@pytest.mark.parametrize("says_how_long", [True, False])
async def test_a_photo_as_large_as_the_bound_comes(host: PhotoHost, says_how_long: bool) -> None:
    def answer(size: int) -> Callable[[Handler], None]:
        def sized(handler: Handler) -> None:
            length = {"content_length": str(size)} if says_how_long else {}
            handler.head(200, connection="close", **length)
            handler.wfile.write(b"x" * size)

        return sized

    host.answers |= {"/full": answer(MAX_BYTES), "/more": answer(MAX_BYTES + 1)}
    assert len((await fetched(host.url("/full"))).data or b"") == MAX_BYTES
    await refused(PayloadTooLarge, host.url("/more"))


def broken_off(handler: Handler) -> None:
    handler.head(200, content_length="1000")
    handler.wfile.write(b"x" * 10)
    handler.close_connection = True


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n" * 10)
    handler.close_connection = True


def huge_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1_000_000)


@pytest.mark.parametrize("odd", [broken_off, no_http, huge_head])
async def test_what_is_no_whole_answer_is_none(
    host: PhotoHost, odd: Callable[[Handler], None]
) -> None:
    host.answers["/odd"] = odd
    await refused(ImageUrlUnreachable, host.url("/odd"))


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, gzip"])
async def test_what_is_compressed_is_not_unpacked(host: PhotoHost, encoding: str) -> None:
    host.serve("/bomb", b"\x1f\x8b" + b"x" * 1000, content_encoding=encoding)
    await refused(ImageUrlRefused, host.url("/bomb"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, ImageUrlRefused), (403, ImageUrlRefused), (410, ImageUrlRefused),
        (206, ImageUrlRefused), (204, ImageUrlRefused), (300, ImageUrlRefused),
        (304, ImageUrlRefused), (500, ImageUrlUnreachable), (503, ImageUrlUnreachable),
        (429, ImageUrlUnreachable),
    ],
)  # fmt: skip
async def test_a_status_without_a_photo_is_an_error_of_its_own(
    host: PhotoHost, status: int, error: type[ShopsightError]
) -> None:
    def answer(handler: Handler) -> None:
        handler.head(status, **({} if status in (204, 304) else {"content_length": "0"}))

    host.answers["/status"] = answer
    await refused(error, host.url("/status"))


# --- many at once


async def test_the_slow_servers_of_one_tenant_make_no_other_wait(host: PhotoHost) -> None:
    host.answers["/slow"] = silence
    by = fetcher(15, FetchSlots(4, ["shop", "other"]))
    slow = [asyncio.create_task(fetched(host.url("/slow"), by)) for _ in range(20)]
    await asyncio.to_thread(wait_until, "two of them", lambda: len(host.seen) >= 2)
    await asyncio.sleep(0.2)
    assert len(host.connections) == 2, "half of the slots"
    assert (await fetched(host.url(), by, "other")).data == BODY
    assert not any(task.done() for task in slow), "nobody waited for these"
    for task in slow:
        task.cancel()
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
    assert (await fetched(host.url(), by)).data == BODY, "slots are given back"


async def test_who_waits_too_long_for_a_slot_is_told_to_come_again(
    host: PhotoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "WAIT_S", 0.2)
    host.answers["/slow"] = silence
    by = fetcher(15, FetchSlots(1, ["shop"]))
    slow = asyncio.create_task(fetched(host.url("/slow"), by))
    await asyncio.to_thread(wait_until, "the slow one", lambda: bool(host.seen))
    await refused(RateLimited, host.url(), by)
    slow.cancel()
