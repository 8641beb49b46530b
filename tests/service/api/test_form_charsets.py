"""A form's texts are read in the charset that they are written in, or refused: never as others."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.asking import photo, rows, text_of
from tests.support.stub_replica import StubReplica

QUESTION = "这是真皮吗？适合送给妈妈吗"
HEADERS = {"content-type": "multipart/form-data; boundary=b"}


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def part(name: str, data: bytes, content_type: str = "", more: str = "") -> bytes:
    head = f'--b\r\ncontent-disposition: form-data; name="{name}"{more}\r\n'
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return head.encode() + b"\r\n" + data + b"\r\n"


def asked(gateway: str, *parts: bytes, **headers: str) -> httpx.Response:
    photo_part = part("photo", photo(), "image/jpeg", '; filename="a.jpg"')
    body = b"".join([*parts, photo_part]) + b"--b--\r\n"
    return httpx.post(f"{gateway}/v1/ask", content=body, headers={**HEADERS, **headers}, timeout=30)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("gbk", "gbk"),
        ("GBK", "gbk"),
        ('"gb2312"', "gb2312"),
        ("gb18030", "gb18030"),
        ("x-gbk", "gbk"),
        ("GB_2312-80", "gb2312"),
        ("windows-936", "gbk"),
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("big5", "big5"),
    ],
)
def test_a_part_says_its_charset(gateway: str, tmp_path: Path, charset: str, codec: str) -> None:
    question = "這是真皮嗎？適合送給媽媽嗎" if codec == "big5" else QUESTION
    typed = part("question", question.encode(codec), f"text/plain; charset={charset}")
    assert text_of(asked(gateway, typed)) == f"关于「{question}？」:好"
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert row["question"] == question


@pytest.mark.parametrize("first", [True, False])
def test_a_form_says_it_for_all_of_its_texts(gateway: str, first: bool) -> None:
    parts = [part("_charset_", b"gbk"), part("question", QUESTION.encode("gbk"))]
    assert text_of(asked(gateway, *(parts if first else parts[::-1]))) == f"关于「{QUESTION}？」:好"


def test_a_part_s_own_charset_counts_for_more_than_the_form_s(gateway: str) -> None:
    parts = [
        part("_charset_", b"gbk"),
        part("question", QUESTION.encode(), "text/plain; charset=utf-8"),
    ]
    assert text_of(asked(gateway, *parts)) == f"关于「{QUESTION}？」:好"


def test_without_one_it_is_utf_8(gateway: str) -> None:
    for content_type in ("", "text/plain"):
        typed = part("question", QUESTION.encode(), content_type)
        assert text_of(asked(gateway, typed)) == f"关于「{QUESTION}？」:好"


BAD = [
    ("GBK that says nothing", part("question", QUESTION.encode("gbk"))),
    ("GBK that says UTF-8", part("question", QUESTION.encode("gbk"), "text/plain; charset=utf-8")),
    ("broken off in a character", part("question", QUESTION.encode()[:-1])),
    ("a surrogate", part("question", QUESTION.encode() + b"\xed\xa0\x80")),
    ("overlong", part("question", b"is it \xc0\xaf")),
    ("UTF-8 that says GBK", part("question", "是吗".encode() + b"\xff", "text/plain; charset=gbk")),
    ("an unknown charset", part("question", b"is it", "text/plain; charset=klingon")),
    ("UTF-16", part("question", QUESTION.encode("utf-16"), "text/plain; charset=utf-16")),
    ("UTF-7", part("question", b"is it +AGE-", "text/plain; charset=utf-7")),
    ("an escape", part("question", rb"\u0061", "text/plain; charset=unicode_escape")),
    ("base64", part("question", b"aXMgaXQ=", "text/plain; charset=base64")),
    ("a form's unknown one", part("_charset_", b"klingon") + part("question", b"is it")),
    ("a form's that is none", part("_charset_", b"\xff") + part("question", b"is it")),
]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD])
def test_what_cannot_be_read_is_refused(
    gateway: str, stub: StubReplica, tmp_path: Path, body: bytes
) -> None:
    answer = asked(gateway, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_multipart")
    assert not stub.calls
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert (row["outcome"], row["error_code"], row["question"]) == (
        "refused",
        "invalid_multipart",
        None,
    )


def test_the_sentence_is_in_the_asker_s_language(gateway: str) -> None:
    def sentence(body: bytes, **headers: str) -> str:
        message: str = asked(gateway, body, **headers).json()["error"]["message"]
        return message

    gbk, broken = part("question", QUESTION.encode("gbk")), part("question", b"is it \xff")
    assert "UTF-8" in sentence(gbk, **{"accept-language": "en"})
    assert "编码" in sentence(gbk, **{"accept-language": "zh-CN,en;q=0.5"})
    assert "编码" in sentence(gbk), "nothing says it but the bytes"
    assert "Send UTF-8" in sentence(broken)


def test_an_upload_s_user_may_be_in_any_of_them(gateway: str) -> None:
    body = part("user", "张三".encode("gbk"), "text/plain; charset=gbk")
    body += part("photo", photo(), "image/jpeg", '; filename="a.jpg"') + b"--b--\r\n"
    answer = httpx.post(f"{gateway}/v1/images", content=body, headers=HEADERS)
    assert answer.status_code == 201
