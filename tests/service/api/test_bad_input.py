"""Bad input gets its own clear error and exactly one row of the log, and harms nobody after it."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.asking import chat, data_uri, photo, post, rows, text_of
from tests.support.pictures import encoded, picture
from tests.support.stub_replica import StubReplica
from tests.unit.contract.test_images import declared_size, text_bomb

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
# Stands in every bad body that has room for it: no answer may echo it.
MARK = "zebra-7319"


def short(image: Any, **fields: Any) -> bytes:
    return json.dumps({"image": image, "prompt": MARK, **fields}).encode()


def bare(data: bytes) -> bytes:
    return short(base64.b64encode(data).decode())


BODIES = [
    ("empty", b"", JSON, 400, "invalid_json"),
    ("truncated", b'{"image": "' + MARK.encode(), JSON, 400, "invalid_json"),
    ("bad utf-8", b'{"image": "\xff", "prompt": "x"}', JSON, 400, "invalid_json"),
    ("utf-16", '{"prompt": "x"}'.encode("utf-16"), JSON, 400, "invalid_json"),
    ("deep", b'{"a":' + b"[" * 100_000, JSON, 400, "invalid_json"),
    ("long integer", b'{"max_tokens": ' + b"9" * 5000 + b"}", JSON, 400, "invalid_json"),
    ("overflow", b'{"image": "QQ==", "prompt": "x", "temperature": 1e400}', JSON, 400,
     "invalid_json"),
    ("NaN", b'{"image": "QQ==", "prompt": "x", "temperature": NaN}', JSON, 400, "invalid_json"),
    ("twice", b'{"image": "QQ==", "prompt": "a", "prompt": "b"}', JSON, 400, "invalid_json"),
    ("list", b"[]", JSON, 400, "invalid_json"),
    ("no type", short("QQ=="), {}, 415, "unsupported_media_type"),
    ("text", b"hi", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ("xml", b"<a/>", {"content-type": "application/xml"}, 415, "unsupported_media_type"),
    ("gzip", b"\x1f\x8b", {**JSON, "content-encoding": "gzip"}, 415, "unsupported_media_type"),
    (
        "charset",
        short("QQ=="),
        {"content-type": "application/json; charset=utf-16"},
        415,
        "unsupported_media_type",
    ),
    ("bad base64", short("Q!Q=@="), JSON, 400, "invalid_base64"),
    ("newline in base64", short("QUJD\nQUJD"), JSON, 400, "invalid_base64"),
    ("text file", bare(b"hello"), JSON, 415, "unsupported_image_type"),
    ("gif", bare(encoded(picture(), "GIF")), JSON, 415, "unsupported_image_type"),
    ("half a photo", bare(photo()[:600]), JSON, 422, "image_undecodable"),
    ("zTXt bomb", bare(text_bomb()), JSON, 422, "image_undecodable"),
    ("50k pixels", bare(declared_size(50_000, 50_000)), JSON, 413, "image_too_many_pixels"),
    ("1x1", bare(encoded(picture(1, 1), "JPEG")), JSON, 422, "image_dimensions"),
    ("url", short(f"http://169.254.169.254/{MARK}"), JSON, 400, "url_not_allowed"),
    ("no image", b'{"prompt": "x"}', JSON, 400, "invalid_field"),
    ("unknown field", short("QQ==", **{MARK: 1}), JSON, 400, "invalid_field"),
    ("surrogate", b'{"image": "QQ==", "prompt": "\\ud800"}', JSON, 400, "invalid_field"),
    ("surrogate user", short("QQ==", user="x").replace(b'"x"', b'"\\ud800"'), JSON, 400,
     "invalid_field"),
    ("tools", short("QQ==", tools=[{MARK: 1}]), JSON, 400, "invalid_field"),
    ("unknown plain field", short("QQ==", foo=MARK), JSON, 400, "invalid_field"),
    ("nothing", b"{}", JSON, 400, "invalid_field"),
    ("many items", b'{"metadata": [' + b"[]," * 100_000 + b"0]}", JSON, 400, "invalid_json"),
    ("blank stop", short("QQ==", stop=""), JSON, 400, "invalid_field"),
    ("NUL", b'{"image": "QQ==", "prompt": "a\\u0000"}', JSON, 400, "invalid_field"),
    ("20 MB", b"x" * 20_000_000, JSON, 413, "payload_too_large"),
    ("11 MB photo", short("QUJD" * 3_670_017), JSON, 413, "payload_too_large"),
    ("blocked", short(data_uri(photo())).replace(MARK.encode(), b"buy cocaine"), JSON, 422,
     "content_blocked"),
]  # fmt: skip


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def check(answer: httpx.Response, status: int, code: str, log: Path) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["message"]
    assert MARK not in answer.text
    assert "0x" not in answer.text
    (row,) = rows(f"sqlite:///{log}")
    assert str(row["interaction_id"]) == answer.headers["x-interaction-id"]
    assert (row["outcome"], row["error_code"]) == ("refused", code)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [pytest.param(*case[1:], id=str(case[0])) for case in BODIES],
)
def test_a_bad_json_body(
    gateway: str, tmp_path: Path, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = httpx.post(gateway + CHAT, content=body, headers=headers, timeout=30)
    check(answer, status, code, tmp_path / "log.db")
    assert text_of(post(gateway, chat("what?", photo())))


def multipart(*parts: tuple[str, bytes], end: str = "--b--\r\n") -> bytes:
    made = b""
    for disposition, content in parts:
        made += f"--b\r\ncontent-disposition: form-data; {disposition}\r\n\r\n".encode()
        made += content + b"\r\n"
    return made + end.encode()


FORM = {"content-type": "multipart/form-data; boundary=b"}
QUESTION = ('name="question"', MARK.encode())
FILE = ('name="photo"; filename="../../x"', photo())

FORMS = [
    ("no boundary", multipart(FILE, QUESTION), {"content-type": "multipart/form-data"}, 400,
     "invalid_multipart"),
    ("wrong boundary", multipart(FILE, QUESTION), {"content-type": FORM["content-type"] + "c"}, 400,
     "invalid_multipart"),
    ("truncated", multipart(FILE, QUESTION, end=""), FORM, 400, "invalid_multipart"),
    ("two photos", multipart(FILE, FILE, QUESTION), FORM, 400, "invalid_multipart"),
    ("2,000 parts", multipart(*[QUESTION] * 2000), FORM, 400, "invalid_multipart"),
    ("long question", multipart(FILE, ('name="question"', b"x" * 3000)), FORM, 400,
     "invalid_field"),
    ("no question", multipart(FILE), FORM, 400, "invalid_field"),
    ("no photo", multipart(QUESTION), FORM, 400, "invalid_field"),
    ("unknown field", multipart(FILE, QUESTION, ('name="zz"', b"1")), FORM, 400, "invalid_field"),
    ("text file", multipart(('name="photo"; filename="a.jpg"', b"hello"), QUESTION), FORM, 415,
     "unsupported_image_type"),
    ("empty file", multipart(('name="photo"; filename="a.jpg"', b""), QUESTION), FORM, 422,
     "image_undecodable"),
    ("20 MB", multipart(('name="photo"; filename="a.jpg"', b"x" * 20_000_000), QUESTION), FORM, 413,
     "payload_too_large"),
    ("other file field", multipart(('name="image"; filename="a"', photo()), QUESTION), FORM, 400,
     "invalid_field"),
    ("charset", multipart(FILE, QUESTION), {"content-type": FORM["content-type"] + "; charset =x"},
     415, "unsupported_media_type"),
    ("json", b"{}", JSON, 415, "unsupported_media_type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [pytest.param(*case[1:], id=str(case[0])) for case in FORMS],
)
def test_a_bad_form(
    gateway: str, tmp_path: Path, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = httpx.post(f"{gateway}/v1/ask", content=body, headers=headers, timeout=30)
    check(answer, status, code, tmp_path / "log.db")
    good = httpx.post(f"{gateway}/v1/ask", content=multipart(FILE, QUESTION), headers=FORM)
    assert text_of(good)


def test_a_chunked_body_without_length_is_bounded_too(gateway: str, tmp_path: Path) -> None:
    def endless() -> Any:
        for _ in range(200):
            yield b"x" * 100_000

    answer = httpx.post(gateway + CHAT, content=endless(), headers=JSON, timeout=30)
    check(answer, 413, "payload_too_large", tmp_path / "log.db")


def test_unusual_but_good_input_is_answered(gateway: str) -> None:
    photos = [photo() + b"PK\x03\x04", encoded(picture().convert("CMYK"), "JPEG")]
    for data in photos:
        for question in (
            "a\r\n\x1b[31mb",
            "<|im_start|>system",
            "' OR 1=1 --",
            "👜",
            "هل هذا جلد؟",
        ):
            assert text_of(post(gateway, chat(question, data)))


def test_errors_come_in_the_asker_s_language(gateway: str) -> None:
    english = post(gateway, {"prompt": "x"}, **{"accept-language": "en"})
    chinese = post(gateway, {"prompt": "x"}, **{"accept-language": "zh-CN"})
    assert english.json()["error"]["message"].isascii()
    assert not chinese.json()["error"]["message"].isascii()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CHAT, 405, "method_not_allowed"),
        ("POST", "/v1/nothing", 404, "not_found"),
        ("GET", "/openapi.json", 404, "not_found"),
    ],
)
def test_what_is_not_there(gateway: str, method: str, path: str, status: int, code: str) -> None:
    answer = httpx.request(method, gateway + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_an_unknown_key_is_refused_and_recorded(
    start_gateway: Callable[..., str], stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, anonymous="deny")
    answer = post(gateway, chat("what?", photo()))
    check(answer, 401, "invalid_api_key", tmp_path / "log.db")
