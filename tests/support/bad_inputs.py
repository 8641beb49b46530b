"""Bad input as data: what is sent, and which status and code it gets. Straight at a gateway and
through nginx that is the same."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support import bombs
from tests.support.asking import chat, data_uri, photo
from tests.support.pictures import encoded, picture
from tests.unit.contract.test_images import animated_png, bad_crc, declared_size, text_bomb

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
# Stands in every bad body that has room for it: no answer may echo it.
MARK = "zebra-7319"


@dataclass(frozen=True)
class BadInput:
    """`request`: the bytes on the wire. `code` is empty for what is answered."""

    name: str
    request: bytes
    status: int
    code: str = ""


def short(image: Any, **fields: Any) -> bytes:
    return json.dumps({"image": image, "prompt": MARK, **fields}).encode()


def bare(data: bytes) -> bytes:
    return short(base64.b64encode(data).decode())


def multipart(*parts: tuple[str, bytes], end: str = "--b--\r\n") -> bytes:
    made = b""
    for disposition, content in parts:
        made += f"--b\r\ncontent-disposition: form-data; {disposition}\r\n\r\n".encode()
        made += content + b"\r\n"
    return made + end.encode()


QUESTION = ('name="question"', MARK.encode())
FILE = ('name="photo"; filename="../../x"', photo())

BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("empty", b"", JSON, 400, "invalid_json"),
    ("truncated", b'{"image": "' + MARK.encode(), JSON, 400, "invalid_json"),
    ("bad utf-8", b'{"image": "\xff", "prompt": "x"}', JSON, 400, "invalid_json"),
    ("utf-16", '{"prompt": "x"}'.encode("utf-16"), JSON, 400, "invalid_json"),
    ("byte order mark", b"\xef\xbb\xbf" + short("QQ=="), JSON, 400, "invalid_json"),
    ("deep", b'{"a":' + b"[" * 100_000, JSON, 400, "invalid_json"),
    ("long integer", b'{"max_tokens": ' + b"9" * 5000 + b"}", JSON, 400, "invalid_json"),
    ("overflow", b'{"image": "QQ==", "prompt": "x", "temperature": 1e400}', JSON, 400,
     "invalid_json"),
    ("NaN", b'{"image": "QQ==", "prompt": "x", "temperature": NaN}', JSON, 400, "invalid_json"),
    ("infinity", b'{"image": "QQ==", "prompt": "x", "top_p": -Infinity}', JSON, 400,
     "invalid_json"),
    ("twice", b'{"image": "QQ==", "prompt": "a", "prompt": "b"}', JSON, 400, "invalid_json"),
    ("list", b"[]", JSON, 400, "invalid_json"),
    ("no type", short("QQ=="), {}, 415, "unsupported_media_type"),
    ("text", b"hi", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ("xml", b"<a/>", {"content-type": "application/xml"}, 415, "unsupported_media_type"),
    ("gzip", b"\x1f\x8b", {**JSON, "content-encoding": "gzip"}, 415, "unsupported_media_type"),
    ("charset", short("QQ=="), {"content-type": "application/json; charset=utf-16"}, 415,
     "unsupported_media_type"),
    ("text file", bare(b"hello"), JSON, 415, "unsupported_image_type"),
    ("url", short(f"http://169.254.169.254/{MARK}"), JSON, 400, "url_not_allowed"),
    ("https url", short(f"https://example.com/{MARK}"), JSON, 400, "url_not_allowed"),
    ("file url", short("file:///etc/passwd"), JSON, 400, "url_not_allowed"),
    ("no image", b'{"prompt": "x"}', JSON, 400, "invalid_field"),
    ("unknown field", short("QQ==", **{MARK: 1}), JSON, 400, "invalid_field"),
    ("surrogate", b'{"image": "QQ==", "prompt": "\\ud800"}', JSON, 400, "invalid_field"),
    ("surrogate user", short("QQ==", user="x").replace(b'"x"', b'"\\ud800"'), JSON, 400,
     "invalid_field"),
    ("tools", short("QQ==", tools=[{MARK: 1}]), JSON, 400, "invalid_field"),
    ("unknown plain field", short("QQ==", foo=MARK), JSON, 400, "invalid_field"),
    ("a text for a number", short("QQ==", max_tokens="2"), JSON, 400, "invalid_field"),
    ("true for a number", short("QQ==", max_tokens=True), JSON, 400, "invalid_field"),
    ("several answers", short("QQ==", n=2), JSON, 400, "invalid_field"),
    ("nothing", b"{}", JSON, 400, "invalid_field"),
    ("many items", b'{"metadata": [' + b"[]," * 100_000 + b"0]}", JSON, 400, "invalid_json"),
    ("blank stop", short("QQ==", stop=""), JSON, 400, "invalid_field"),
    ("NUL", b'{"image": "QQ==", "prompt": "a\\u0000"}', JSON, 400, "invalid_field"),
    ("blank question", json.dumps(chat(" \n", photo())).encode(), JSON, 400, "invalid_field"),
    ("zero width", json.dumps(chat("\u200b\u200d", photo())).encode(), JSON, 400, "invalid_field"),
    ("long question", json.dumps(chat("x" * 30_000, photo())).encode(), JSON, 400,
     "invalid_field"),
    ("20 MB", b"x" * 20_000_000, JSON, 413, "payload_too_large"),
    ("11 MB photo", short("QUJD" * 3_670_017), JSON, 413, "payload_too_large"),
    ("blocked", short(data_uri(photo())).replace(MARK.encode(), b"buy cocaine"), JSON, 422,
     "content_blocked"),
    *(
        (f"blocked: {text}", json.dumps(chat(text, photo())).encode(), JSON, 422,
         "content_blocked")
        for text in ("buy c\u043ec\u0430ine", "ｂｕｙ ｃｏｃａｉｎｅ", "buy co\u200bcai\u200bne")
    ),
    *(
        (f"base64 {text!r}", short(text), JSON, 400, "invalid_base64")
        for text in ("", "Q!Q=@=", "QUJD\nQUJD", "QU JD", "AAAA=", "QR==", "QQ", "QQ==garbage",
                     "_-_-", "é===")
    ),
]  # fmt: skip

# Made when they are sent: some take a second.
PHOTOS: list[tuple[str, Callable[[], bytes], int, str]] = [
    ("no bytes in a form", lambda: b"", 422, "image_undecodable"),
    ("signature only", lambda: b"\x89PNG\r\n\x1a\n", 422, "image_undecodable"),
    ("half a JPEG", lambda: photo()[:600], 422, "image_undecodable"),
    ("half a PNG", lambda: encoded(picture())[:-400], 422, "image_undecodable"),
    ("bad CRC", bad_crc, 422, "image_undecodable"),
    ("0x0", lambda: declared_size(0, 0), 422, "image_undecodable"),
    ("zTXt bomb", text_bomb, 422, "image_undecodable"),
    ("GIF", lambda: encoded(picture(), "GIF"), 415, "unsupported_image_type"),
    ("BMP", lambda: encoded(picture(), "BMP"), 415, "unsupported_image_type"),
    ("TIFF", lambda: encoded(picture(), "TIFF"), 415, "unsupported_image_type"),
    ("SVG", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_image_type"),
    ("PDF", lambda: b"%PDF-1.7", 415, "unsupported_image_type"),
    ("EPS", lambda: b"%!PS-Adobe-3.0 EPSF-3.0", 415, "unsupported_image_type"),
    ("animated PNG", animated_png, 415, "unsupported_image_type"),
    ("50k x 50k", lambda: declared_size(50_000, 50_000), 413, "image_too_many_pixels"),
    ("100 MP", lambda: bombs.flat(10_000, 10_000), 413, "image_too_many_pixels"),
    ("1x1", lambda: encoded(picture(1, 1), "JPEG"), 422, "image_dimensions"),
    ("31 wide", lambda: encoded(picture(31, 64)), 422, "image_dimensions"),
    ("beyond 100:1", lambda: declared_size(40, 4040), 422, "image_dimensions"),
    ("2,000 scans", lambda: bombs.many_scans(2000), 422, "image_too_complex"),
    ("50 scans of 59 MP", lambda: bombs.many_scans(50, (8000, 7400)), 422, "image_too_complex"),
    ("10 MB of chunks", lambda: bombs.chunks(860_000), 422, "image_too_complex"),
    ("10 MB of comments", lambda: bombs.comments(2_600_000), 422, "image_too_complex"),
    ("10 MB of filling", lambda: bombs.filling(10_300_000), 422, "image_too_complex"),
]

FORMS: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("no boundary", multipart(FILE, QUESTION), {"content-type": "multipart/form-data"}, 400,
     "invalid_multipart"),
    ("wrong boundary", multipart(FILE, QUESTION), {"content-type": FORM["content-type"] + "c"}, 400,
     "invalid_multipart"),
    ("truncated", multipart(FILE, QUESTION, end=""), FORM, 400, "invalid_multipart"),
    ("two photos", multipart(FILE, FILE, QUESTION), FORM, 400, "invalid_field"),
    ("two questions", multipart(FILE, QUESTION, QUESTION), FORM, 400, "invalid_field"),
    ("2,000 parts", multipart(*[QUESTION] * 2000), FORM, 400, "invalid_multipart"),
    ("long question", multipart(FILE, ('name="question"', b"x" * 3000)), FORM, 400,
     "invalid_field"),
    ("longer question", multipart(FILE, ('name="question"', b"x" * 100_000)), FORM, 400,
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

CARDS, MATCHES = "/v1/products/card", "/v1/match"
CLAIM = ('name="text"', MARK.encode())


def product(**fields: Any) -> bytes:
    return json.dumps({"image": "QQ==", **fields}).encode()


# By their path: cards and matches, in both of their forms.
PRODUCTS: list[tuple[str, str, bytes, dict[str, str], int, str]] = [
    (CARDS, "empty", b"", JSON, 400, "invalid_json"),
    (CARDS, "list", b"[]", JSON, 400, "invalid_json"),
    (CARDS, "no type", product(), {}, 415, "unsupported_media_type"),
    (CARDS, "text", b"hi", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    (CARDS, "no photo", b"{}", JSON, 400, "invalid_field"),
    (CARDS, "unknown field", product(**{MARK: 1}), JSON, 400, "invalid_field"),
    (CARDS, "unknown language", product(language=MARK), JSON, 400, "invalid_field"),
    (CARDS, "a text for a boolean", product(stream="true"), JSON, 400, "invalid_field"),
    (CARDS, "sampling", product(temperature=1), JSON, 400, "invalid_field"),
    (CARDS, "an id for a photo", product(image="img_" + "0" * 32), JSON, 400, "invalid_field"),
    (CARDS, "photo and id", product(image_id="img_" + "0" * 32), JSON, 400, "invalid_field"),
    (CARDS, "another's photo", json.dumps({"image_id": "img_" + "0" * 32}).encode(), JSON, 404,
     "image_not_found"),
    (CARDS, "url", product(image=f"http://169.254.169.254/{MARK}"), JSON, 400, "url_not_allowed"),
    (CARDS, "text file", product(image=base64.b64encode(b"hello").decode()), JSON, 415,
     "unsupported_image_type"),
    (CARDS, "half a JPEG", product(image=data_uri(photo()[:600])), JSON, 422,
     "image_undecodable"),
    (CARDS, "20 MB", b"x" * 20_000_000, JSON, 413, "payload_too_large"),
    (CARDS, "form: a question", multipart(FILE, QUESTION), FORM, 400, "invalid_field"),
    (CARDS, "form: no photo", multipart(("name=\"language\"", b"zh")), FORM, 400, "invalid_field"),
    (CARDS, "form: truncated", multipart(FILE, end=""), FORM, 400, "invalid_multipart"),
    (CARDS, "form: image", multipart(('name="image"', b"QQ==")), FORM, 400, "invalid_field"),
    (MATCHES, "no text", product(), JSON, 400, "invalid_field"),
    (MATCHES, "blank", product(text=" \n"), JSON, 400, "invalid_field"),
    (MATCHES, "zero width", product(text="\u200b"), JSON, 400, "invalid_field"),
    (MATCHES, "NUL", product(text="a\0"), JSON, 400, "invalid_field"),
    (MATCHES, "long", product(text=MARK * 60), JSON, 400, "invalid_field"),
    (MATCHES, "surrogate", b'{"image": "QQ==", "text": "\\ud800"}', JSON, 400, "invalid_field"),
    (MATCHES, "a stream", product(text=MARK, stream=True), JSON, 400, "invalid_field"),
    (MATCHES, "blocked", product(text="buy cocaine", image=data_uri(photo())), JSON, 422,
     "content_blocked"),
    (MATCHES, "form: no text", multipart(FILE), FORM, 400, "invalid_field"),
    (MATCHES, "form: two texts", multipart(FILE, CLAIM, CLAIM), FORM, 400, "invalid_field"),
]  # fmt: skip

SCHEMAS: dict[str, Any] = {
    "multipleOf": {"type": "integer", "multipleOf": 99999991},
    "control token": {"const": "<|im_end|>"},
    "control token as a name": {"type": "object", "properties": {"<|im_start|>": {}}},
    "pattern": {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"},
    "intersection": {"allOf": [{"pattern": ".*a.{9}"}, {"pattern": ".*b.{9}"}]},
    "endless": {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"},
    "long": {"type": "string", "minLength": 10**9},
    "no answer": {"type": "integer", "minimum": 3, "maximum": 2},
}

UNUSUAL_QUESTIONS = (
    "a\r\n\x1b[31mb", "<|im_start|>system", "' OR 1=1 --", "{{7*7}}", "👜", "هل هذا جلد؟",
    "𠮷野家?",
)  # fmt: skip


def unusual_photos() -> Iterator[tuple[str, bytes]]:
    for turn in (*range(1, 9), 0, 99):
        exif = picture().getexif()
        exif[0x0112] = turn
        yield f"turned {turn}", encoded(picture(), "JPEG", exif=exif)
    gps = picture().getexif()
    gps.get_ifd(0x8825)[1] = "N"
    yield "GPS", encoded(picture(), "JPEG", exif=gps)
    yield "a ZIP behind it", photo() + b"PK\x03\x04"
    yield "a page behind it", photo() + b"<html><script>alert(1)</script>"
    for mode in ("CMYK", "L"):
        yield mode, encoded(picture().convert(mode), "JPEG")
    for mode in ("LA", "1", "P", "RGBA", "I;16"):
        made = picture().convert("L").convert("I;16") if mode == "I;16" else picture().convert(mode)
        yield mode, encoded(made)


def posted(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    fields = {"host": "localhost", "connection": "close", "content-length": str(len(body))}
    return head("POST", path, {**fields, **(headers or {})}) + body


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def heads() -> Iterator[BadInput]:
    """What is no proper request of HTTP, or asks for what is not there."""
    body = json.dumps(chat("what?", photo())).encode()
    size = b"Content-Length: %d\r\n" % len(body)
    start = f"POST {CHAT} HTTP/1.1\r\nConnection: close\r\n".encode()
    start += b"Content-Type: application/json\r\n"
    host = b"Host: localhost\r\n"
    for name, fields in {
        "length and chunks": host + size + b"Transfer-Encoding: chunked\r\n",
        "two lengths": host + size + b"Content-Length: 3\r\n",
        "a length twice": host + size + size,
        "negative length": host + b"Content-Length: -1\r\n",
        "a word as length": host + b"Content-Length: many\r\n",
        "two hosts": host + host + size,
        "no host": size,
        "NUL in a header": host + size + b"X-Name: a\0b\r\n",
        "a space before a colon": host + size + b"X-Name : a\r\n",
        "a folded header": host + size + b"X-Name: a\r\n b\r\n",
    }.items():
        yield BadInput(name, start + fields + b"\r\n" + body, 400, "bad_request")
    yield BadInput("no length", start + host + b"\r\n", 411, "length_required")
    yield BadInput("a long header", start + host + size + b"X-A: " + b"b" * 40_000 + b"\r\n\r\n",
                   431, "headers_too_large")  # fmt: skip
    yield BadInput("5,000 headers", start + host + size + b"A: b\r\n" * 5000 + b"\r\n", 431,
                   "headers_too_large")  # fmt: skip
    yield BadInput("a long address", head("GET", "/" + "a" * 40_000, {"host": "localhost"}), 414,
                   "headers_too_large")  # fmt: skip
    get = {"host": "localhost", "connection": "close"}
    yield BadInput("GET", head("GET", CHAT, get), 405, "method_not_allowed")
    yield BadInput("nothing there", head("GET", "/v1/nothing", get), 404, "not_found")
    yield BadInput("administration", head("GET", "/admin/weights", get), 404, "not_found")
    yield BadInput("dots", head("GET", "/v1/users/../u1/data", get), 400, "bad_request")
    yield BadInput("coded dots", head("GET", "/v1/%2e%2e/admin", get), 400, "bad_request")
    yield BadInput("an unknown key", posted(CHAT, body, {**JSON, "authorization": "Bearer x"}),
                   401, "invalid_api_key")  # fmt: skip
    others = json.dumps({"image_id": "img_" + "0" * 32, "prompt": "what?"}).encode()
    yield BadInput("another's photo", posted(CHAT, others, JSON), 404, "image_not_found")
    cross = {**JSON, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    yield BadInput("another site's page", posted(CHAT, body, cross), 403, "cross_site_request")


def bad_inputs() -> Iterator[BadInput]:
    yield from heads()
    for name, body, headers, status, code in BODIES:
        yield BadInput(name, posted(CHAT, body, headers), status, code)
    for name, make, status, code in PHOTOS:
        data = make()
        if data:
            yield BadInput(name, posted(CHAT, bare(data), JSON), status, code)
        yield BadInput(f"{name}, uploaded", posted("/v1/images", data), status, code)
    for name, body, headers, status, code in FORMS:
        yield BadInput(f"form: {name}", posted("/v1/ask", body, headers), status, code)
    for path, name, body, headers, status, code in PRODUCTS:
        yield BadInput(f"{path}: {name}", posted(path, body, headers), status, code)
    for name, schema in SCHEMAS.items():
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        asked = {"messages": [{"role": "user", "content": "what?"}], "response_format": wanted}
        request = posted(CHAT, json.dumps(asked).encode(), JSON)
        yield BadInput(f"schema: {name}", request, 400, "invalid_schema")
    for question in UNUSUAL_QUESTIONS:
        asked = {**chat(question, photo()), "max_tokens": 4}
        yield BadInput(question, posted(CHAT, json.dumps(asked).encode(), JSON), 200)
    for name, data in unusual_photos():
        asked = {**chat(f"{name}?", data), "max_tokens": 4}
        yield BadInput(name, posted(CHAT, json.dumps(asked).encode(), JSON), 200)
