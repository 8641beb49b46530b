"""The multipart form as browsers, apps and HTTP libraries fill it in."""

import json
import tempfile
from collections.abc import Callable

import httpx
import pytest

from tests.service.api.test_form_charsets import HEADERS, part
from tests.support.asking import chat, photo, text_of
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


def test_a_large_photo_needs_no_disk(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container /tmp is small, and several photos of 10 MB filled it."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    large = part("photo", photo() + bytes(9_000_000), "image/jpeg", '; filename="a.jpg"')
    for _ in range(2):
        assert text_of(asked(gateway, QUESTION, large)) == ANSWER
        assert asked(gateway, large, path="/v1/images").status_code == 201


def test_a_text_in_the_place_of_the_photo_is_told_so(gateway: str) -> None:
    error = asked(gateway, QUESTION, part("photo", b"hello")).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_image_type", "photo")


def test_a_field_that_is_left_empty_is_absent(gateway: str) -> None:
    file = part("photo", photo(), "image/jpeg")
    for path in ("/v1/images", "/v1/images?consent="):
        answer = asked(gateway, part("consent", b""), part("user", b""), file, path=path)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("field", "message", "param"),
    [
        ("picture", "There is no field 'picture'.", "picture"),
        ("my picture", "A field is unknown.", None),
        ("user", "The id of the user cannot be accepted (field 'user').", "user"),
    ],
)
def test_a_photo_in_another_field_is_told_of_it(
    gateway: str, field: str, message: str, param: str | None
) -> None:
    file = part(field, photo(), "image/jpeg", '; filename="a.jpg"')
    for path, parts in (("/v1/ask", [QUESTION]), ("/v1/images", [])):
        error = asked(gateway, *parts, file, path=path).json()["error"]
        assert (error["message"], error["param"]) == (message, param)


def test_no_file_chosen_is_no_photo(gateway: str) -> None:
    answer = asked(gateway, QUESTION, NO_FILE)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_field", "photo")
    text = part("text", b"red bag")
    for path, parts in (
        ("/v1/ask", [QUESTION]),
        ("/v1/images", []),
        ("/v1/products/card", []),
        ("/v1/match", [text]),
    ):
        error = asked(gateway, *parts, NO_FILE, path=path).json()["error"]
        assert error["message"] == "The photo is missing (field 'photo').", path
    uploaded = asked(gateway, part("photo", photo(), "", '; filename="a"'), path="/v1/images")
    by_id = part("image_id", uploaded.json()["id"].encode())
    assert text_of(asked(gateway, QUESTION, NO_FILE, by_id, cookies=uploaded.cookies)) == ANSWER


def test_a_field_left_empty_is_absent(gateway: str) -> None:
    empty = [part(name, b"") for name in ("image_id", "max_tokens", "stream")]
    picture = part("photo", photo(), "", '; filename="a"')
    assert text_of(asked(gateway, QUESTION, *empty, picture)) == ANSWER
    error = asked(gateway, part("question", b""), picture).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_field", "question")


def test_what_stands_around_the_parts_is_passed_over(gateway: str) -> None:
    form = QUESTION + part("photo", photo(), "", '; filename="a"') + b"--b--"
    around = [
        (b"This is a multi-part message.\r\n", b""),
        (b"\r\n\r\n", b"\r\n"),
        (b"--x\r\n--\r\n" + b"-" * 100_000 + b"\r\n", b"\r\nand an epilogue\r\n" * 100),
        (b"", b"\r\n--b\r\nnot a part"),
    ]
    for before, after in around:
        answer = httpx.post(gateway + "/v1/ask", content=before + form + after, headers=HEADERS)
        assert text_of(answer) == ANSWER, before[:30]
    for broken in (form[:-2], form[:-5], b"preamble\r\n"):
        answer = httpx.post(gateway + "/v1/ask", content=broken, headers=HEADERS)
        assert answer.json()["error"]["code"] == "invalid_multipart", broken[:30]


def test_a_text_that_is_sent_as_a_file_is_named(gateway: str) -> None:
    picture = part("photo", photo(), "", '; filename="a"')
    for name in ("question", "user", "max_tokens"):
        file = part(name, b"12", "text/plain", '; filename="a.txt"')
        for form in ((file, picture), (picture, file)):
            error = asked(gateway, *form).json()["error"]
            assert (error["code"], error["param"]) == ("invalid_field", name)


@pytest.mark.parametrize(
    "media",
    ["application/json; charset=us-ascii", "text/json", "Text/JSON;charset=UTF8",
     "application/json;charset='utf-8'", "application/json; charset=ascii"],
)  # fmt: skip
def test_json_by_its_other_names(gateway: str, media: str) -> None:
    answer = httpx.post(
        gateway + "/v1/chat/completions",
        content=json.dumps(chat("what?", photo())),
        headers={"content-type": media},
    )
    assert answer.status_code == 200, answer.text


def test_the_id_of_an_upload_in_the_place_of_a_photo_is_told_where_it_belongs(gateway: str) -> None:
    body = {"image": "img_" + "0" * 32, "prompt": "what?"}
    for language, word in (("en", "belongs in 'image_id'"), ("zh", "请放在 image_id 中")):
        answer = httpx.post(
            gateway + "/v1/chat/completions", json=body, headers={"accept-language": language}
        )
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (
            400,
            "invalid_field",
            "image",
        )
        assert word in error["message"]


@pytest.mark.parametrize("word", ["x", "长"])
@pytest.mark.parametrize("chars", [3_000, 6_000, 400_000])
def test_a_question_that_is_too_long_is_told_by_its_name(
    gateway: str, word: str, chars: int
) -> None:
    """As in JSON, in its own language."""
    question = part("question", (word * chars).encode())
    for parts in ((question, part("photo", photo())), (part("photo", photo()), question)):
        answer = asked(gateway, *parts)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_field")
        assert error["param"] == "question"
        told = {
            "x": "The question is longer than 2,000 characters (field 'question').",
            "长": "问题超过了 2000 个字符（字段 question）。",
        }
        assert error["message"] == told[word]


def test_a_text_that_is_longer_than_is_read_is_told_the_limit_of_its_field(gateway: str) -> None:
    picture, long = part("photo", photo()), b"x" * 20_000
    for path, name, limit in (
        ("/v1/match", "text", "500"),
        ("/v1/ask", "user", "512"),
        ("/v1/images", "user", "512"),
    ):
        for text in (long, b"x" * (int(limit) + 1)):
            error = asked(gateway, part(name, text), picture, QUESTION, path=path).json()["error"]
            if path == "/v1/match":
                error = asked(gateway, part(name, text), picture, path=path).json()["error"]
            assert (error["code"], error["param"]) == ("invalid_field", name)
            assert f"is longer than {limit} characters" in error["message"]


def test_a_field_that_comes_twice_is_named(gateway: str) -> None:
    """Whichever it is, in the language of the form's words."""
    picture = part("photo", photo())
    chinese = part("question", "这是真皮吗？".encode())
    for name, parts, told in (
        ("question", (QUESTION, QUESTION, picture), "The question is given more than once"),
        ("question", (QUESTION, picture, chinese), "问题只能出现一次（字段 question）。"),
        ("photo", (picture, QUESTION, picture), "The photo is given more than once"),
        ("photo", (picture, picture, chinese), "照片只能出现一次（字段 photo）。"),
        ("photo", (NO_FILE, picture, QUESTION), "The photo is given more than once"),
        ("stream", (part("stream", b"true"),) * 2, "The field 'stream' is given more than once."),
        (None, (part("a b", b"1"),) * 2, "A field is given more than once."),
    ):
        answer = asked(gateway, *parts)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_field")
        assert error["param"] == name
        assert error["message"].startswith(told)
