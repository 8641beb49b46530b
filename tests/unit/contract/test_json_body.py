import pytest

from contract.errors import InvalidJSON
from contract.json_body import parse_object


def test_an_object_is_parsed() -> None:
    assert parse_object('{"a": [1, 2.5, "包", null], "b": {"c": true}}'.encode()) == {
        "a": [1, 2.5, "包", None],
        "b": {"c": True},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 2}}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a":' * 50 + b"1" + b"}" * 50,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": 1} trailing',
        b"{'a': 1}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_lenient_parsers_accept_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJSON):
        parse_object(body)
