"""Reads a multipart body within limits: one photo and a few short fields."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from contract.errors import InvalidField, InvalidMultipart
from contract.http import bounded_stream, check_media_type
from contract.images import EncodedImage

MAX_FIELDS = 8
# Of one text field. A question of 2,000 characters is at most 8,000 bytes in UTF-8.
MAX_FIELD_BYTES = 16 * 1024
# The end of the body, long enough to contain the closing boundary (at most 70 characters).
TAIL_BYTES = 256


async def read_form(request: Request) -> tuple[dict[str, str], EncodedImage | None]:
    """The text fields and the photo. Raises InvalidMultipart for a bad or missing boundary, an
    incomplete body, a second photo; InvalidField for a file in another field."""
    check_media_type(request, "multipart/form-data")
    tail = b""

    async def body() -> AsyncGenerator[bytes]:
        nonlocal tail
        async for chunk in bounded_stream(request):
            tail = (tail + chunk)[-TAIL_BYTES:]
            yield chunk

    parser = MultiPartParser(
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
        fields = {name: value for name, value in items if isinstance(value, str)}
        if len(items) != len(dict(items)):
            raise InvalidMultipart
        if any(isinstance(value, UploadFile) and name != "photo" for name, value in items):
            raise InvalidField("photo")
        return fields, await _photo(form.get("photo"))
    finally:
        await form.close()


async def _photo(part: UploadFile | str | None) -> EncodedImage | None:
    if not isinstance(part, UploadFile):
        return None
    return EncodedImage(await part.read())
