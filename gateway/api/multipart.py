"""Reads a multipart body within limits: one photo and a few short fields."""

from collections.abc import AsyncGenerator

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from contract.errors import InvalidField
from contract.http import bounded_stream, check_media_type
from contract.images import EncodedImage
from contract.request import is_plain_name
from gateway.api.form_text import PHOTO_FIELD, FormTextParser
from gateway.errors import InvalidMultipart

# With `_charset_`, which says how the others are written.
MAX_FIELDS = 8
# Of one text field. A question of 2,000 characters is at most 8,000 bytes in UTF-8.
MAX_FIELD_BYTES = 16 * 1024
# More than are read, or a text that is sent as a file would be taken for a second photo.
MAX_FILES = 4


async def read_form(request: Request) -> tuple[dict[str, str], EncodedImage | None]:
    """The text fields and the photo. Raises InvalidMultipart for a bad or missing boundary, an
    incomplete body, a second photo; UndecodableText; InvalidField for a file in another field."""
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
        raise InvalidMultipart from None
    try:
        if not parser.ended:
            raise InvalidMultipart
        items = form.multi_items()
        if len(items) != len(dict(items)):
            raise InvalidMultipart
        for name, value in items:
            if isinstance(value, UploadFile) and name != PHOTO_FIELD:
                raise InvalidField(name if is_plain_name(name) else PHOTO_FIELD)
        return parser.texts(), await _photo(form.get(PHOTO_FIELD))
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
