import pytest

from gateway.config import Settings
from gateway.identity.origins import checked_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://shop.example:80", "https://shop.example:80"),
    ],
)
def test_an_origin_is_as_browsers_write_it(text: str, origin: str) -> None:
    assert checked_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["*", "https://*.shop.example", "null", "shop.example", "https://shop.example/",
     "https://shop.example/path", "https://", "https://a@b.example", "https://a b.example", ""],
)  # fmt: skip
def test_what_is_no_single_origin_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="a scheme, a host"):
        checked_origin(text)
    if text:
        with pytest.raises(ValueError, match="an origin is"):
            Settings(_env_file=None, allowed_origins=f"https://ok.example,{text}")  # type: ignore[call-arg,arg-type]
