import pytest

from gateway.api.hosts import Hosts, is_cross_site

OURS = [
    "127.0.0.1", "127.0.0.1:8080", "192.168.1.5:8080", "[::1]:8080", "[fe80::1]", "localhost",
    "LOCALHOST:80", "shop-pc:8080", "printer.local", "a.b.localhost", "gw.svc.cluster.local",
    "nas.home.arpa", "api.internal", "localhost.",
]  # fmt: skip
STRANGERS = [
    "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
    "evil.locale", "xlocal.example", "shop.example.evil.example", "evilshop.example",
    "", " ", "a b", "evil.example:80:80", "user@127.0.0.1", "127.0.0.1/x", "[::1", "a\tb", "é",
]  # fmt: skip


def test_addresses_and_local_names_are_ours_and_other_names_a_stranger_s() -> None:
    hosts = Hosts(["shop.example"])
    assert [host for host in OURS if not hosts.serve(host)] == []
    assert [host for host in STRANGERS if hosts.serve(host)] == []


def test_public_names_are_ours_once_they_are_named() -> None:
    hosts = Hosts(["Shop.example", "*.cdn.example"])
    for name in ("shop.example", "SHOP.EXAMPLE:443", "a.cdn.example", "a.b.cdn.example"):
        assert hosts.serve(name)
    for name in ("www.shop.example", "cdn.example", "acdn.example"):
        assert not hosts.serve(name)
    assert Hosts(["*"]).serve("evil.example")
    assert not Hosts(["*"]).serve("no host")


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),  # curl, an app, a server
        ({"origin": "http://192.168.1.5:8080"}, False),
        ({"origin": "https://192.168.1.5:8080"}, False),
        ({"origin": "http://192.168.1.5:3000"}, True),
        ({"origin": "http://192.168.1.5"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "https://partner.example"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://192.168.1.5:8080"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "https://partner.example"}, False),
        # Behind a proxy that names another host, the browser knows better.
        ({"sec-fetch-site": "same-origin", "origin": "https://shop.example"}, False),
    ],
)
def test_only_pages_of_our_own_origin_may_send(headers: dict[str, str], refused: bool) -> None:
    origins = frozenset(["https://partner.example"])
    sent = headers.get("origin"), headers.get("sec-fetch-site")
    assert is_cross_site(*sent, "192.168.1.5:8080", origins) == refused


def test_a_scheme_s_own_port_may_be_left_out() -> None:
    for host in ("shop.example", "shop.example:443", "Shop.Example:80"):
        for origin in ("https://shop.example", "https://shop.example:443", "http://shop.example"):
            assert not is_cross_site(origin, None, host, frozenset())
