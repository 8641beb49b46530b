"""Photos by address through the proxy of compose: a real squid with the configuration that
docker-compose.egress.yml gives it. What it may connect to is its own decision."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from contract.errors import PhotoError, ShopsightError
from gateway.images.remote.errors import ImageUrlUnreachable
from gateway.images.remote.fetch import PhotoFetcher
from gateway.images.remote.hosts import read_url
from gateway.images.remote.photos import RemotePhotos
from gateway.images.remote.public import NOT_PUBLIC
from gateway.images.remote.slots import FetchSlots
from tests.support.asking import data_uri, photo, post, text_of
from tests.support.egress_proxy import EgressProxy, configuration, egress_proxy
from tests.support.photo_host import NAME, PhotoHost, authority, photo_host
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.unit.contract.test_several_photos import turn

OTHER = "other.shop.example"
# What keeps the proxy away from this machine.
LOOPBACK = " 127.0.0.0/8"


@pytest.fixture(scope="module")
def host() -> Iterator[PhotoHost]:
    with photo_host(NAME, OTHER) as server:
        server.serve("/bag.jpg", photo(1), etag='"1"')
        yield server


@pytest.fixture(scope="module")
def proxy(host: PhotoHost) -> Iterator[EgressProxy]:
    """One that may connect to 127.0.0.0/8; all else is as in compose."""
    text = configuration(NAME, str(host.port))
    assert text.count(LOOPBACK) == 1
    addresses = {NAME: "127.0.0.1", OTHER: "127.0.0.1"}
    with egress_proxy(text.replace(LOOPBACK, ""), addresses) as running:
        yield running


async def fetch(proxy: EgressProxy, url: str, **condition: str) -> bytes | None:
    """Nothing is looked up on this side."""

    def nobody(*_: Any) -> list[str]:
        raise AssertionError("a look-up")

    context = authority().trusted()
    slots = FetchSlots(1, ["shop"])
    by = PhotoFetcher(slots, 5, proxy.url, look_up=nobody, context=context)
    return (await by.fetch(read_url(url), "shop", 1_000_000, condition)).data


async def refused(error: type[ShopsightError], proxy: EgressProxy, url: str) -> str:
    """What the proxy says of it."""
    before = len(proxy.lines)
    with pytest.raises(error):
        await fetch(proxy, url)
    wait_until("the line of its log", lambda: len(proxy.lines) > before)
    return proxy.lines[-1]


async def test_a_photo_comes_through_a_tunnel(proxy: EgressProxy, host: PhotoHost) -> None:
    assert await fetch(proxy, host.url()) == photo(1)
    wait_until("the line of its log", lambda: bool(proxy.lines))
    assert proxy.lines == [f"TCP_TUNNEL/200 {host.listed}"], "it knows no more of it"


async def test_the_certificate_is_checked_behind_the_proxy() -> None:
    with photo_host(NAME, signed_by=authority("Evil")) as evil:
        text = configuration(NAME, str(evil.port)).replace(LOOPBACK, "")
        with egress_proxy(text, {NAME: "127.0.0.1"}) as own:
            await refused(ImageUrlUnreachable, own, evil.url())
        assert len(evil.connections) == 1
        assert evil.seen == []


async def test_the_proxy_has_a_list_of_its_own(proxy: EgressProxy, host: PhotoHost) -> None:
    """Whoever has taken a gateway over gets no further by it."""
    said = await refused(ImageUrlUnreachable, proxy, host.url(name=OTHER))
    assert said == f"TCP_DENIED/403 {OTHER}:{host.port}"
    said = await refused(ImageUrlUnreachable, proxy, f"https://{NAME}:22/bag.jpg")
    assert said == f"TCP_DENIED/403 {NAME}:22"


INSIDE = (
    *("127.0.0.1", "127.255.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "224.0.0.1"),
    *("168.63.129.16", "192.168.1.1", "::1", "::2", "::10.0.0.1", "::ffff:127.0.0.1", "fe80::1"),
    *("fd00:ec2::254", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1"),
    *("2002:7f00:1::", "3fff::1", "5f00::1", "ff02::1"),
)
WOULD = "deny_info 307:http://would.example/ would\n"
INTERNET = ("172.32.0.1", "192.88.98.1", "2606:4700::1")


async def test_the_proxy_connects_to_what_is_public_and_to_nothing_else(host: PhotoHost) -> None:
    """Instead of connecting to the internet it says that it would."""
    before = len(host.connections)
    names = {f"n{number}.shop.example": each for number, each in enumerate((*INSIDE, *INTERNET))}
    text = configuration(".shop.example", str(host.port))
    last = "http_access allow all\n"
    assert last in text
    text = text.replace(last, f"acl would method CONNECT\n{WOULD}http_access deny would\n")
    with egress_proxy(text, names) as own:
        for name, address in names.items():
            said = await refused(PhotoError, own, host.url(name=name))
            assert said.endswith(f" {name}:{host.port}")
            denied = "TCP_DENIED/403" if address in INSIDE else "TCP_DENIED/307"
            assert said.startswith(f"{denied} "), (address, said)
    assert len(host.connections) == before


def test_the_proxy_s_list_is_the_gateway_s() -> None:
    rules = configuration(NAME).splitlines()
    words = {word for line in rules if line.startswith("acl inside") for word in line.split()[3:]}
    above = {"4000::/2", "8000::/1"}
    assert {word for word in words if "-" not in word} - above == set(map(str, NOT_PUBLIC))


def test_a_gateway_asks_by_way_of_the_proxy(
    start_gateway: Callable[..., str],
    stub: StubReplica,
    proxy: EgressProxy,
    host: PhotoHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = partial(RemotePhotos.open, context=authority().trusted())
    monkeypatch.setattr(RemotePhotos, "open", opened)
    known = {"image_url_hosts": f"public={host.listed}", "image_url_proxy": proxy.url}
    gateway = start_gateway(replicas=stub.url, **known)
    body = {"messages": [turn(host.url(), text="which?")]}
    assert text_of(post(gateway, body))
    assert post(gateway, body).headers["x-cache"] == "hit"
    (call,) = stub.calls
    assert call["messages"][-1]["content"][0]["image_url"]["url"] == data_uri(photo(1))


async def test_a_proxy_that_is_away_is_a_photo_that_cannot_be_had(host: PhotoHost) -> None:
    away = PhotoFetcher(FetchSlots(1, ["shop"]), 5, "http://127.0.0.1:9")
    with pytest.raises(ImageUrlUnreachable):
        await away.fetch(read_url(host.url()), "shop", 1000, {})
