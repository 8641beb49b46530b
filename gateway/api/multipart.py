"""Reads a multipart body within limits: one photo and a few short fields. Texts are decoded by the
charset that the part or the form declares, which is UTF-8 where neither does."""

from collections.abc import AsyncGenerator

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from contract.errors import InvalidField
from contract.fields import is_plain_name
from contract.forms import MAX_USER_CHARS, FormRequest
from contract.http import MAX_BODY_BYTES, bounded_stream, check_media_type
from contract.images import EncodedImage
from contract.products.match import MAX_MATCH_CHARS
from contract.request import told_in_the_language_of
from contract.text.charsets import charset_named
from contract.text.language import language_of
from contract.turns import MAX_TURN_CHARS
from gateway.errors import InvalidMultipart, UndecodableText

# With `_charset_`, which says how the others are written.
MAX_FIELDS = 8
# Of one text field. A question of 2,000 characters is at most 8,000 bytes in UTF-8.
MAX_FIELD_BYTES = 16 * 1024
# In characters, of texts that may be longer than is read.
_LIMITS = {"question": MAX_TURN_CHARS, "text": MAX_MATCH_CHARS, "user": MAX_USER_CHARS}
# More than are read, or a text that is sent as a file would be taken for a second photo.
MAX_FILES = 4
PHOTO_FIELD = "photo"
# Where an old form says what its texts are in (RFC 7578, 4.6).
CHARSET_FIELD = "_charset_"
# Charsets that texts come in, by Python's names; the second one is what it is read as. GB 18030
# holds all of the two before it. Not those in which ASCII is written otherwise: they hide words.
_CHARSETS = {
    **{name: name for name in ("utf_8", "ascii", "big5", "big5hkscs", "gb18030")},
    **{"gbk": "gb18030", "gb2312": "gb18030"},
    **{name: name for name in ("shift_jis", "cp932", "euc_jp", "euc_kr", "cp949")},
    **{name: name for name in ("latin_1", "iso8859_15", "cp1250", "cp1251", "cp1252", "koi8_r")},
}
_LONGEST_NAME = 40
# Names that Python does not know: of browsers (https://encoding.spec.whatwg.org), Windows, Java.
_OTHER_NAMES = {
    **dict.fromkeys(("x-gbk", "gb_2312", "gb_2312-80", "windows-936", "x-mswin-936"), "gb18030"),
    **dict.fromkeys(("x-x-big5", "x-windows-950"), "big5hkscs"),
    **{"x-sjis": "cp932", "ms932": "cp932", "windows-31j": "cp932", "windows-949": "cp949"},
}


async def read_form(request: Request) -> tuple[dict[str, str], EncodedImage | None]:
    """The text fields and the photo. Raises InvalidMultipart for a bad or missing boundary, an
    incomplete body; UndecodableText; InvalidField for a file in another field, a field that comes
    twice, and a text that is too long."""
    check_media_type(request, "multipart/form-data")
    parser = FormTextParser(
        request.headers,
        _without_preamble(request),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError):
        raise parser.too_long or InvalidMultipart() from None
    try:
        if not parser.ended:
            raise InvalidMultipart
        items, texts = form.multi_items(), parser.texts()
        with told_in_the_language_of(texts):
            check_single(items)
            for name, value in items:
                if isinstance(value, UploadFile) and name != PHOTO_FIELD:
                    raise _no_photo(name)
        return texts, await _photo(form.get(PHOTO_FIELD))
    finally:
        await form.close()


async def _without_preamble(request: Request) -> AsyncGenerator[bytes]:
    """The body from its first boundary on: what stands before is not read (RFC 2046, 5.1.1)."""
    boundary = parse_options_header(request.headers["content-type"])[1].get(b"boundary", b"")
    first = b"\r\n--" + boundary
    before: bytes | None = b"\r\n"
    async for chunk in bounded_stream(request):
        if before is not None:
            chunk = before + chunk
            at = chunk.find(first)
            if at < 0:
                before = chunk[-len(first) :]
                continue
            before, chunk = None, chunk[at + 2 :]
        yield chunk


async def _photo(part: UploadFile | str | None) -> EncodedImage | None:
    if not isinstance(part, UploadFile):
        return None
    if not part.size and not part.filename:  # so browsers send the field where nobody chose a file
        return None
    return EncodedImage(await part.read())


class FormTextParser(MultiPartParser):
    """Starlette's parser decodes every text as UTF-8, and as Latin-1 what is none: GBK would become
    `ÕâÊÇ`. This one keeps the bytes for `texts`, and photos in memory, where they are counted
    (`BodyBudget`): /tmp, where Starlette puts those over 1 MB, has 64 MB in a container."""

    spool_max_size = MAX_BODY_BYTES

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.ended = False
        """Whether the closing boundary was read: what stands behind it counts for nothing."""
        self.too_long: InvalidField | None = None
        """Of a text that was not read to its end."""
        self._bytes: list[tuple[str, bytes, bytes | None]] = []

    def on_headers_finished(self) -> None:
        """A photo is a file whether it is sent with a file's name or not (RFC 7578, 4.2)."""
        part = self._current_part
        disposition = part.content_disposition
        options = parse_options_header(disposition)[1]
        photo = options.get(b"name") == PHOTO_FIELD.encode()
        if disposition is not None and photo and b"filename" not in options:
            part.content_disposition = disposition + b'; filename="photo"'
        super().on_headers_finished()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None and len(part.data) + end - start > self.max_part_size:
            self.too_long = _too_long(part.field_name)
            words = bytes(part.data[:MAX_FIELD_BYTES]) + data[start : min(end, start + 1000)]
            if language_of(words.decode("utf-8", "ignore")) == "zh":
                self.too_long.language = "zh"
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        super().on_part_end()
        part = self._current_part
        if part.file is None:
            declared = dict(part.item_headers).get(b"content-type")
            self._bytes.append((part.field_name, bytes(part.data), declared))

    def on_end(self) -> None:
        self.ended = True

    def texts(self) -> dict[str, str]:
        """The texts by their fields. Raises UndecodableText."""
        of_form = next((data for name, data, _ in self._bytes if name == CHARSET_FIELD), b"utf-8")
        return {
            name: _decode(data, _charset_of(declared) or of_form)
            for name, data, declared in self._bytes
            if name != CHARSET_FIELD
        }


def check_single(items: list[tuple[str, UploadFile | str]]) -> None:
    """Raises InvalidField with the name of a field that comes twice: of two questions nobody knows
    which is meant."""
    names: set[str] = set()
    for name, _ in items:
        if name in names:
            raise InvalidField(name if is_plain_name(name) else None, fault="repeated")
        names.add(name)


def _no_photo(name: str) -> InvalidField:
    """Of a file in another field than the photo's: a text that is sent as one, or another name."""
    known = name in FormRequest.model_fields or name in _LIMITS
    return InvalidField(
        name if is_plain_name(name) else None, fault="value" if known else "unknown"
    )


def _too_long(name: str) -> InvalidField:
    if (limit := _LIMITS.get(name)) is not None:
        return InvalidField(name, fault="too_long", limit=limit)
    return InvalidField(name if is_plain_name(name) else None)


def _charset_of(content_type: bytes | None) -> bytes | None:
    return parse_options_header(content_type)[1].get(b"charset")


def _decode(data: bytes, charset: bytes) -> str:
    try:
        named = charset[:_LONGEST_NAME].decode("ascii").strip().lower()
        return data.decode(_CHARSETS[charset_named(_OTHER_NAMES.get(named, named))])
    except (LookupError, ValueError):  # an unknown charset, or bytes that are none of its own
        raise UndecodableText(_language_of(data)) from None


def _language_of(data: bytes) -> str | None:
    """What it most likely is in: of undeclared charsets GBK is the usual one here."""
    try:
        text = data.decode("gb18030")
    except ValueError:
        return None
    return "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else None
