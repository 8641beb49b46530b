import pytest

from gateway.api.guard import is_plain

PLAIN = [
    "/", "/v1/ask", "/v1/users/alice/data", "/v1/users/a%2Fb/data", "/v1/users/a%20b/data",
    "/v1/users/%E5%BC%A0/data", "/v1/users/a..b/data", "/v1/users/..b/data", "/v1/users/a./data",
    "/v1/users/50%25/data", "/v1/models/a%2Fb", "/.env", "/app..js", "/%73amples",
]  # fmt: skip
ODD = [
    "/v1/users/../u1/data", "/v1/users/./u1/data", "/v1/users/%2e%2e/u1/data",
    "/v1/users/%2E./u1/data", "/v1/users/.%2e/u1/data", "/v1/users/..%2fu1/data",
    "/v1/users/%2e%2e%2fu1/data", "/v1/users/..%5cu1/data", "/v1/users/..\\u1/data",
    "/v1/users/%252e%252e/u1/data", "/v1/users/%25252e%25252e/u1/data",
    "/v1/users/x%2f../u1/data", "/v1/users/x%2f%2e%2e%2fu1/data", "/v1/users/..;/u1/data",
    "/v1/users/..%3b/u1/data", "/v1%2fusers/u1/data", "/v1%252fusers/u1/data", "/v1/users/..",
    "/x/../v1/users/u1/data", "/./v1/users/u1/data", "/..", "/%2e", "/v1\\..\\x", "/a%2fb",
    "/v1/ask%5c",
]  # fmt: skip


@pytest.mark.parametrize("path", PLAIN)
def test_an_address_that_says_what_it_means_passes(path: str) -> None:
    assert is_plain(path.encode())


@pytest.mark.parametrize("path", ODD)
def test_an_address_that_means_another_does_not(path: str) -> None:
    assert not is_plain(path.encode())
