"""What charsets are called: the same names as Python's, and nothing is kept of others."""

import codecs
import encodings
from encodings.aliases import aliases

import pytest
from starlette.requests import Request

from contract.http import UnsupportedMediaType, check_media_type
from contract.text.charsets import charset_named


def test_names_are_those_of_python() -> None:
    names = {*aliases, *(alias.replace("_", "-").upper() for alias in aliases), " utf-8 ", "latin1"}
    for name in names:
        try:
            known = codecs.lookup(name)
        except LookupError:  # of another system
            continue
        assert codecs.lookup(charset_named(name)).name == known.name


def test_a_charset_that_nobody_knows_leaves_nothing_in_memory() -> None:
    kept = len(encodings._cache)  # type: ignore[attr-defined]
    for number in range(100):
        named = f"application/json; charset=x{number}".encode()
        request = Request({"type": "http", "headers": [(b"content-type", named)]})
        with pytest.raises(UnsupportedMediaType):
            check_media_type(request, "application/json")
    assert len(encodings._cache) == kept  # type: ignore[attr-defined]
