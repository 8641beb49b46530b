"""Bad input gets its own clear error and exactly one row of the log, and harms nobody after it."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.bad_inputs import (
    BODIES,
    CHAT,
    FILE,
    FORM,
    FORMS,
    JSON,
    MARK,
    PHOTOS,
    PRODUCTS,
    QUESTION,
    UNUSUAL_QUESTIONS,
    bare,
    multipart,
    unusual_photos,
)
from tests.support.servers import gateway_server
from tests.support.stub_replica import StubReplica, stub_replica

NUMBERS = count(1)
# Those that cost much are in test_costly_inputs.py.
PHOTO_BODIES = [
    (name, bare(make()), JSON, status, code)
    for name, make, status, code in PHOTOS
    if code not in ("image_too_complex", "image_too_many_pixels") and make()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-input")


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[str]:
    """One for all: none of these inputs may harm those after it."""
    with stub_replica() as stub, gateway_server(folder, replicas=stub.url) as url:
        yield url


def new_question() -> dict[str, Any]:
    """One that is not in the cache."""
    return chat(f"what is number {next(NUMBERS)}?", photo())


def check(answer: httpx.Response, status: int, code: str, folder: Path) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["message"]
    assert MARK not in answer.text
    assert "0x" not in answer.text
    (row,) = rows(f"sqlite:///{folder / 'log.db'}", answer.headers["x-interaction-id"])
    assert (row["outcome"], row["error_code"]) == ("refused", code)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [pytest.param(*case[1:], id=str(case[0])) for case in (*BODIES, *PHOTO_BODIES)],
)
def test_a_bad_json_body(
    gateway: str, folder: Path, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = httpx.post(gateway + CHAT, content=body, headers=headers, timeout=30)
    check(answer, status, code, folder)
    assert text_of(post(gateway, new_question()))


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [pytest.param(*case[1:], id=str(case[0])) for case in FORMS],
)
def test_a_bad_form(
    gateway: str, folder: Path, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = httpx.post(f"{gateway}/v1/ask", content=body, headers=headers, timeout=30)
    check(answer, status, code, folder)
    good = httpx.post(f"{gateway}/v1/ask", content=multipart(FILE, QUESTION), headers=FORM)
    assert text_of(good)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [pytest.param(path, *case, id=f"{path}: {name}") for path, name, *case in PRODUCTS],
)
def test_a_bad_card_or_match(
    gateway: str,
    folder: Path,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = httpx.post(gateway + path, content=body, headers=headers, timeout=30)
    check(answer, status, code, folder)


def test_a_chunked_body_without_length_is_bounded_too(gateway: str, folder: Path) -> None:
    def endless() -> Any:
        for _ in range(200):
            yield b"x" * 100_000

    answer = httpx.post(gateway + CHAT, content=endless(), headers=JSON, timeout=30)
    check(answer, 413, "payload_too_large", folder)


def test_unusual_but_good_input_is_answered(gateway: str) -> None:
    for question in UNUSUAL_QUESTIONS:
        assert text_of(post(gateway, chat(question, photo())))
    for name, data in unusual_photos():
        assert text_of(post(gateway, chat(f"{name}?", data)))


def test_errors_come_in_the_asker_s_language(gateway: str) -> None:
    english = post(gateway, {"prompt": "x"}, **{"accept-language": "en"})
    chinese = post(gateway, {"prompt": "x"}, **{"accept-language": "zh-CN"})
    assert english.json()["error"]["message"].isascii()
    assert not chinese.json()["error"]["message"].isascii()


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        (CHAT, ["application/json"]),
        ("/v1/ask", ["multipart/form-data"]),
        ("/v1/products/card", ["application/json", "multipart/form-data"]),
        ("/v1/match", ["application/json", "multipart/form-data"]),
        ("/v1/feedback", ["application/json"]),
    ],
)
def test_who_sends_another_type_is_told_the_one_that_this_address_takes(
    gateway: str, path: str, taken: list[str]
) -> None:
    """Not the one that was just sent, and whether it is the type, its charset or a compression."""
    other = "text/plain" if len(taken) > 1 else FORM["content-type"]
    other = JSON["content-type"] if taken == ["multipart/form-data"] else other
    for sent in (other, "text/plain", ""):
        for language, told in (
            ("en", f"Send {' or '.join(taken)} in UTF-8, not compressed."),
            ("zh", f"请使用未压缩的 UTF-8 {' 或 '.join(taken)}。"),
        ):
            headers = {"content-type": sent, "accept-language": language}
            answer = httpx.post(gateway + path, content=b"{}", headers=headers)
            assert answer.status_code == 415
            assert answer.json()["error"]["message"] == told
    for media in taken:
        sent = f"{media}; boundary=b"
        for wrong in ({"content-encoding": "gzip"}, {"content-type": f"{sent}; charset=gbk"}):
            headers = {"content-type": sent, **wrong}
            answer = httpx.post(gateway + path, content=b"{}", headers=headers)
            assert answer.status_code == 415
            assert media in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "这是真皮吗？"},
        {"prompt": "这是真皮吗？", "image_id": "no id"},
        {"messages": [{"role": "user", "content": "这是真皮吗？"}], "n": 3},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "真皮？"}, 7]}]},
    ],
    ids=["no photo", "bad id", "unsupported", "bad part"],
)
def test_who_asks_in_chinese_is_told_in_chinese_what_is_wrong(
    gateway: str, wrong: dict[str, Any]
) -> None:
    """curl and libraries say nothing of a language."""
    for headers in ({}, {"accept-language": "en"}):
        answer = post(gateway, wrong, **headers)
        assert answer.status_code == 400
        assert not answer.json()["error"]["message"].isascii()


def test_a_chinese_form_is_told_in_chinese_what_it_lacks(gateway: str) -> None:
    for fields in ({"question": "这是真皮吗？"}, {"question": "真皮？", "max_tokens": "x"}):
        answer = httpx.post(f"{gateway}/v1/ask", files={n: (None, v) for n, v in fields.items()})
        assert answer.status_code == 400
        assert not answer.json()["error"]["message"].isascii()
    told = httpx.post(f"{gateway}/v1/match", files={"text": (None, "红色手提包")})
    assert "缺少" in told.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/products/card", "/v1/match"])
@pytest.mark.parametrize(
    "wrong", [{}, {"image": "no photo"}, {"image_id": "no id"}, {"colour": 1}, {"stream": "x"}]
)
def test_a_language_that_is_named_decides_in_which_one_is_told(
    gateway: str, path: str, wrong: dict[str, Any]
) -> None:
    for language, other, text in (("zh", "en", "red bag"), ("en", "zh-CN", "红色手提包")):
        body = {"language": language, **wrong}
        body |= {} if path.endswith("card") else {"text": text}
        sent = {"json": body, "headers": {"accept-language": other}}
        message = httpx.post(gateway + path, **sent).json()["error"]["message"]
        assert message.isascii() is (language == "en"), message
    form = httpx.post(gateway + path, files={"language": (None, "zh")})
    assert not form.json()["error"]["message"].isascii()


@pytest.mark.parametrize(
    "wrong",
    [
        {"interaction_id": "x", "vote": "down"},
        {"interaction_id": "0" * 32, "vote": "sideways"},
        {"interaction_id": "0" * 32, "vote": "up", "user": 7},
    ],
)
def test_a_voter_who_gives_a_reason_in_chinese_is_told_in_chinese(
    gateway: str, wrong: dict[str, Any]
) -> None:
    told = httpx.post(f"{gateway}/v1/feedback", json={**wrong, "reason": "答非所问"})
    assert told.status_code == 400
    assert not told.json()["error"]["message"].isascii()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CHAT, 405, "method_not_allowed"),
        ("POST", "/v1/nothing", 404, "not_found"),
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
    check(answer, 401, "invalid_api_key", tmp_path)
