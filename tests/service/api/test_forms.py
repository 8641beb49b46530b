"""The multipart form as browsers, apps and HTTP libraries fill it in."""

from collections.abc import Callable

import httpx
import pytest

from tests.service.api.test_form_charsets import HEADERS, part
from tests.support.asking import photo, text_of
from tests.support.stub_replica import StubReplica

QUESTION = part("question", b"what?")
ANSWER = "关于「What?」:好"
NO_FILE = part("photo", b"", "application/octet-stream", '; filename=""')


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def asked(
    gateway: str, *parts: bytes, path: str = "/v1/ask", cookies: httpx.Cookies | None = None
) -> httpx.Response:
    body = b"".join(parts) + b"--b--\r\n"
    return httpx.post(gateway + path, content=body, headers=HEADERS, cookies=cookies, timeout=30)


def test_a_photo_needs_no_file_name(gateway: str) -> None:
    large = photo() + b"\0" * 100_000  # more than a text may have
    for data in (photo(), large):
        for content_type in ("", "image/jpeg"):
            unnamed = part("photo", data, content_type)
            assert text_of(asked(gateway, QUESTION, unnamed)) == ANSWER
            assert asked(gateway, unnamed, path="/v1/images").status_code == 201


def test_a_text_in_the_place_of_the_photo_is_told_so(gateway: str) -> None:
    error = asked(gateway, QUESTION, part("photo", b"hello")).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_image_type", "photo")


def test_no_file_chosen_is_no_photo(gateway: str) -> None:
    answer = asked(gateway, QUESTION, NO_FILE)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_field", "photo")
    uploaded = asked(gateway, part("photo", photo(), "", '; filename="a"'), path="/v1/images")
    by_id = part("image_id", uploaded.json()["id"].encode())
    assert text_of(asked(gateway, QUESTION, NO_FILE, by_id, cookies=uploaded.cookies)) == ANSWER


def test_a_field_left_empty_is_absent(gateway: str) -> None:
    empty = [part(name, b"") for name in ("image_id", "max_tokens", "stream")]
    picture = part("photo", photo(), "", '; filename="a"')
    assert text_of(asked(gateway, QUESTION, *empty, picture)) == ANSWER
    error = asked(gateway, part("question", b""), picture).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_field", "question")
