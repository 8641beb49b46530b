"""Reads a multipart body within limits: one photo and a few short fields."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from contract.errors import InvalidField
from contract.http import bounded_stream, check_media_type
from contract.images import EncodedImage
from gateway.api.form_text import PHOTO_FIELD, FormTextParser
from gateway.errors import InvalidMultipart

# With `_charset_`, which says how the others are written.
MAX_FIELDS = 8
# Of one text field. A question of 2,000 characters is at most 8,000 bytes in UTF-8.
MAX_FIELD_BYTES = 16 * 1024
# The end of the body, long enough to contain the closing boundary (at most 70 characters).
TAIL_BYTES = 256


async def read_form(request: Request) -> tuple[dict[str, str], EncodedImage | None]:
    """The text fields and the photo. Raises InvalidMultipart for a bad or missing boundary, an
    incomplete body, a second photo; UndecodableText; InvalidField for a file in another field."""
    check_media_type(request, "multipart/form-data")
    tail = b""

    async def body() -> AsyncGenerator[bytes]:
        nonlocal tail
        async for chunk in bounded_stream(request):
            tail = (tail + chunk)[-TAIL_BYTES:]
            yield chunk

    parser = FormTextParser(
        request.headers,
        body(),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError):
        raise InvalidMultipart from None
    try:
        if not tail.rstrip().endswith(b"--"):
            raise InvalidMultipart
        items = form.multi_items()
        if len(items) != len(dict(items)):
            raise InvalidMultipart
        if any(isinstance(value, UploadFile) and name != PHOTO_FIELD for name, value in items):
            raise InvalidField(PHOTO_FIELD)
        return parser.texts(), await _photo(form.get(PHOTO_FIELD))
    finally:
        await form.close()


async def _photo(part: UploadFile | str | None) -> EncodedImage | None:
    if not isinstance(part, UploadFile):
        return None
    if not part.size and not part.filename:  # so browsers send the field where nobody chose a file
        return None
    return EncodedImage(await part.read())
