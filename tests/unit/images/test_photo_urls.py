"""Which addresses are photos' at all, and which of the internet protocol's are public. All of it is
pure: nothing is looked up."""

import time
from dataclasses import replace

import pytest

from contract.errors import UrlNotAllowed
from contract.images import EncodedImage, ImageFacts
from gateway.images.remote.hosts import ListedHosts, read_hosts, read_url
from gateway.images.remote.known import KnownPhotos, freshness, known_photo, name_of
from gateway.images.remote.public import is_public
from gateway.images.remote.settings import ImageUrlSettings

FACTS = ImageFacts("0" * 64, "JPEG", 100, 100, 1000)
LISTED = ListedHosts(["cdn.shop.example", "*.img.example", "cdn.shop.example:8443"])


def allowed(url: str) -> bool:
    try:
        return LISTED.allow(read_url(url))
    except UrlNotAllowed:
        return False


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.shop.example/bag.jpg",
        "https://cdn.shop.example",
        "https://cdn.shop.example?id=1",
        "https://cdn.shop.example:443/bag.jpg",
        "https://cdn.shop.example:8443/bag.jpg",
        "https://cdn.shop.example./bag.jpg",
        "HTTPS://CDN.Shop.Example/bag.jpg#front",
        "https://a.img.example/bag.jpg",
        "https://a.b.img.example/bag.jpg",
        "https://cdn.shop.example/@10.0.0.1/a:b?u=https://x.example/",
    ],
)
def test_a_listed_host_is_allowed_however_it_is_written(url: str) -> None:
    assert allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        # other hosts
        "https://shop.example/", "https://img.example/", "https://evilimg.example/",
        "https://cdn.shop.example.evil.example/", "https://evil.example/cdn.shop.example",
        "https://cdn.shop.example..", "https://.img.example/", "https://xn--cdn-shop.example/",
        # other ports and schemes
        "https://cdn.shop.example:80/", "https://cdn.shop.example:0443x/",
        "https://cdn.shop.example:/", "https://cdn.shop.example:99999/", "https://a.img.example:8443/",
        "http://cdn.shop.example/", "ftp://cdn.shop.example/", "file:///etc/passwd",
        "//cdn.shop.example/", "https:/cdn.shop.example/", "https:cdn.shop.example",
        "gopher://cdn.shop.example/", "https:///cdn.shop.example/",
        # somebody's name and password
        "https://me@cdn.shop.example/", "https://me:pw@cdn.shop.example/",
        "https://cdn.shop.example@10.0.0.1/", "https://cdn.shop.example:443@10.0.0.1/",
        "https://cdn.shop.example%40evil.example/", "https://evil.example#@cdn.shop.example/",
        "https://evil.example?@cdn.shop.example/",
        # IPv4, in all spellings that resolvers know
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/",
        "https://169.254.169.254/latest/meta-data/", "https://0/", "https://127.0.0.1.nip.io/",
        # IPv6
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25eth0]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
        # other dots, other letters
        "https://cdn。shop.example/", "https://cdn．shop．example/", "https://127｡0｡0｡1/",
        "https://①②⑦.0.0.1/", "https://cdn.ſhop.example/", "https://cdn.shop.еxample/",
        "https://cdn.shop.example\u3002evil.example/",
        # what browsers drop, or read as a slash
        "https://cdn.shop.example\\@evil.example/", "https:\\\\cdn.shop.example/",
        "https://evil.example\\.img.example/", "https://cdn.shop.example/\r\nHost: evil",
        "https://cdn.shop.example\t/", " https://cdn.shop.example/", "https://cdn.shop.example/a b",
        "https://cdn.shop.example/\x00", "https://cdn.shop.example/#\n", "https://cdn.shop.example/\ud800",
        "", "https://",
    ],
)  # fmt: skip
def test_everything_else_is_not_allowed(url: str) -> None:
    assert not allowed(url)


def test_a_letter_that_becomes_an_ascii_one_in_lower_case_is_none() -> None:
    kelvin = "https://\N{KELVIN SIGN}.example/"
    assert kelvin.lower() == "https://k.example/"
    with pytest.raises(UrlNotAllowed):
        read_url(kelvin)


def test_letters_that_are_not_ascii_are_escaped_as_browsers_do() -> None:
    assert read_url("https://a.example/包.jpg?c=é#x").target == "/%E5%8C%85.jpg?c=%C3%A9"
    assert read_url("https://a.example/%E5%8C%85.jpg").target == "/%E5%8C%85.jpg"


def test_an_address_in_print_does_not_show_what_may_be_secret() -> None:
    assert "token" not in repr(read_url("https://a.example/bag.jpg?token=1"))


@pytest.mark.parametrize(
    "hosts",
    [
        "shop", "shop=127.0.0.1", "shop=127.1", "shop=2130706433", "shop=0x7f.0x1", "shop=*",
        "shop=*.com", "shop=redis", "shop=localhost", "shop=a.example:0", "shop=a.example:99999",
        "shop=https://a.example", "shop=a.example/x", "shop=me@a.example", "shop=a.*.example",
        "shop=[::1]", "shop=a.example,shop=b.example", "=a.example", "shop=a_b.example",
    ],
)  # fmt: skip
def test_a_list_that_could_mean_something_else_stops_the_start(hosts: str) -> None:
    with pytest.raises(ValueError, match="IMAGE_URL_HOSTS"):
        ImageUrlSettings(image_url_hosts=hosts)  # type: ignore[arg-type]


def test_hosts_are_listed_by_tenant() -> None:
    found = read_hosts("shop-a=cdn.a.example *.img.example, shop-b=b.example:8443,")
    assert found == {"shop-a": ("cdn.a.example", "*.img.example"), "shop-b": ("b.example:8443",)}


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1",
        "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
        "192.168.0.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
        "64:ff9b::a00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136::1",
        "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
        "127.1", "0x7f.1", "2130706433", "localhost", "",
    ],
)  # fmt: skip
def test_what_is_not_public_is_never_connected_to(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"],
)
def test_the_rest_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({}, 0),
        ({"cache-control": "public, max-age=60"}, 60),
        ({"cache-control": "max-age=31536000, immutable"}, 300),
        ({"cache-control": "max-age=60", "age": "50"}, 10),
        ({"cache-control": "max-age=60", "age": "90"}, 0),
        ({"cache-control": "max-age=60, no-cache"}, 0),
        ({"cache-control": "no-store"}, None),
        ({"cache-control": "Private, max-age=60"}, None),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=60", "age": "x"}, 60),
        ({"cache-control": "max-age=60", "age": "\xb2"}, 60),
    ],
)
def test_a_photo_is_fresh_as_long_as_its_server_says(
    headers: dict[str, str], fresh_s: float | None
) -> None:
    assert freshness(headers, 300) == fresh_s


def test_what_nobody_can_ask_about_again_is_not_remembered() -> None:
    assert known_photo(FACTS, {}, 300) is None
    assert known_photo(FACTS, {"etag": '"1"', "cache-control": "no-store"}, 300) is None
    known = known_photo(FACTS, {"etag": '"1"', "last-modified": "yesterday"}, 300)
    assert known is not None
    assert known.condition == {"if-none-match": '"1"'}
    assert not known.fresh
    known = known_photo(FACTS, {"last-modified": "yesterday", "cache-control": "max-age=9"}, 300)
    assert known is not None
    assert known.condition == {"if-modified-since": "yesterday"}
    assert known.fresh
    assert known.fresh_until <= time.monotonic() + 9


@pytest.mark.parametrize("etag", ["x" * 201, '"\r\nhost: evil"', '"é"', ""])
def test_an_etag_that_is_none_is_not_sent_back(etag: str) -> None:
    assert known_photo(FACTS, {"etag": etag}, 300) is None


def test_files_are_kept_within_a_bound_and_for_their_own_pixels() -> None:
    known = KnownPhotos(limit_bytes=100)
    other = replace(FACTS, digest="1" * 64)
    known.keep(b"a", FACTS, EncodedImage(b"x" * 60))
    assert known.file(b"a", FACTS) == EncodedImage(b"x" * 60)
    assert known.file(b"a", other) is None, "another photo is there by now"
    known.keep(b"a", other, EncodedImage(b"y" * 60))
    assert known.file(b"a", other) is not None, "one address has one file"
    known.keep(b"b", FACTS, EncodedImage(b"z" * 40))
    assert known.file(b"a", other) is not None
    known.keep(b"c", FACTS, EncodedImage(b"z" * 40))
    assert known.file(b"b", FACTS) is None, "the one that nobody has asked for the longest"
    assert known.file(b"c", FACTS) is not None
    known.keep(b"d", FACTS, EncodedImage(b"z" * 101))
    assert [known.file(name, FACTS) for name in (b"a", b"c", b"d")] == [None] * 3


def test_addresses_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.images.remote.known.REMEMBERED", 2)
    known = KnownPhotos(limit_bytes=0)
    photo = known_photo(FACTS, {"etag": '"1"'}, 300)
    for name in (b"a", b"b"):
        known.put(name, photo)
    assert known.get(b"a") == photo
    known.put(b"c", photo)
    assert [known.get(name) for name in (b"a", b"b", b"c")] == [photo, None, photo]
    known.put(b"a", None)
    assert known.get(b"a") is None


def test_names_of_addresses_are_apart_by_tenant_and_say_nothing() -> None:
    assert name_of("1https://a.example/", "shop") != name_of("https://a.example/", "shop1")
    assert len(name_of("https://a.example/" + "x" * 4000, "shop")) == 32
