"""Which servers REDIS_URL names."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.cache.servers import read_address
from gateway.cache.settings import CacheSettings


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://redis:6379/1", ("one", [], "", {})),
        (
            "redis+sentinel://a,b:1,[::1]:2/shop/3",
            ("sentinel", [("a", 26379), ("b", 1), ("::1", 2)], "shop", {"db": 3}),
        ),
        ("redis+sentinel://a/shop", ("sentinel", [("a", 26379)], "shop", {})),
        (
            "redis+cluster://u:p%40@a,b:7?health_check_interval=5",
            (
                "cluster",
                [("a", 6379), ("b", 7)],
                "",
                {"username": "u", "password": "p@", "health_check_interval": 5},
            ),
        ),
        (
            "rediss+cluster://a/?ssl_ca_certs=/ca.pem",
            ("cluster", [("a", 6379)], "", {"ssl": True, "ssl_ca_certs": "/ca.pem"}),
        ),
    ],
)
def test_addresses_and_options_are_read(url: str, found: tuple[Any, ...]) -> None:
    assert read_address(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "http://redis",
        "redis+ring://a,b",
        "redis+sentinel://a,b",  # which master?
        "redis+sentinel://a/shop/0/1",
        "redis+cluster://a,,b",
        "redis+cluster://a/1",  # a cluster has no databases
        "redis",
    ],
)
def test_another_url_ends_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="REDIS_URL"):
        CacheSettings.model_validate({"redis_url": url})


def test_sentinels_have_a_password_of_their_own() -> None:
    settings = CacheSettings.model_validate(
        {
            "redis_url": "redis+sentinel://a,b/shop/0?health_check_interval=5",
            "redis_password": "p/1",
            "redis_sentinel_password": "s&2",
        }
    )
    kind, addresses, master, options = read_address(settings.redis_address or "")
    assert (kind, len(addresses), master) == ("sentinel", 2, "shop")
    assert (options["password"], options["sentinel_password"]) == ("p/1", "s&2")
