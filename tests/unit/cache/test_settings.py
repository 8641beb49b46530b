import pytest

from gateway.cache.settings import CacheSettings


@pytest.mark.parametrize(
    ("url", "password", "address"),
    [
        ("redis://redis:6379", "a/b:c@d", "redis://:a%2Fb%3Ac%40d@redis:6379"),
        ("redis://redis:6379/1", "p", "redis://:p@redis:6379/1"),
        ("redis://shop@redis", "p", "redis://shop:p@redis"),
        ("redis://:own@redis", "p", "redis://:own@redis"),
        ("redis://redis:6379", "", "redis://redis:6379"),
        ("", "p", None),
    ],
)
def test_the_password_is_a_secret_of_its_own(url: str, password: str, address: str | None) -> None:
    settings = CacheSettings.model_validate({"redis_url": url, "redis_password": password})
    assert settings.redis_address == address
