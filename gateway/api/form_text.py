"""The texts of a multipart form, decoded by the charset that the part or the form declares, which
is UTF-8 where neither does."""

import codecs

from python_multipart.multipart import parse_options_header
from starlette.formparsers import MultiPartParser

from gateway.errors import UndecodableText

PHOTO_FIELD = "photo"
# Where an old form says what its texts are in (RFC 7578, 4.6).
CHARSET_FIELD = "_charset_"
# Charsets that texts come in, by Python's names; the second one is what it is read as. GB 18030
# holds all of the two before it. Not those in which ASCII is written otherwise: they hide words.
_CHARSETS = {
    **{name: name for name in ("utf-8", "ascii", "big5", "big5hkscs", "gb18030")},
    **{"gbk": "gb18030", "gb2312": "gb18030"},
    **{name: name for name in ("shift_jis", "cp932", "euc_jp", "euc_kr", "cp949")},
    **{name: name for name in ("iso8859-1", "iso8859-15", "cp1250", "cp1251", "cp1252", "koi8-r")},
}
_LONGEST_NAME = 40
# Names that Python does not know: of browsers (https://encoding.spec.whatwg.org), Windows, Java.
_OTHER_NAMES = {
    **dict.fromkeys(("x-gbk", "gb_2312", "gb_2312-80", "windows-936", "x-mswin-936"), "gb18030"),
    **dict.fromkeys(("x-x-big5", "x-windows-950"), "big5hkscs"),
    **{"x-sjis": "cp932", "ms932": "cp932", "windows-31j": "cp932", "windows-949": "cp949"},
}


class FormTextParser(MultiPartParser):
    """Starlette's parser decodes every text as UTF-8, and as Latin-1 what is none: GBK would become
    `ÕâÊÇ`. This one keeps the bytes for `texts`."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.ended = False
        """Whether the closing boundary was read: what stands behind it counts for nothing."""
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


def _charset_of(content_type: bytes | None) -> bytes | None:
    return parse_options_header(content_type)[1].get(b"charset")


def _decode(data: bytes, charset: bytes) -> str:
    try:
        named = charset[:_LONGEST_NAME].decode("ascii").strip().lower()
        name = codecs.lookup(_OTHER_NAMES.get(named, named)).name
        return data.decode(_CHARSETS[name])
    except (LookupError, ValueError):  # an unknown charset, or bytes that are none of its own
        raise UndecodableText(_language_of(data)) from None


def _language_of(data: bytes) -> str | None:
    """What it most likely is in: of undeclared charsets GBK is the usual one here."""
    try:
        text = data.decode("gb18030")
    except ValueError:
        return None
    return "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else None
