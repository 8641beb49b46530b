"""Reads the multipart body of `POST /v1/files`: the file goes to the disk as it streams in, the
other fields are short."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from contract.errors import InvalidField, LengthRequired
from contract.fields import is_plain_name
from contract.http import BODY_BYTES, MAX_DRAIN_BYTES, check_media_type, expects_continue
from gateway.api.multipart import FormTextParser, check_single
from gateway.batch.form import LONGEST_S, SHORTEST_S
from gateway.errors import FileTooLarge, InvalidMultipart

FILE_FIELD = "file"
MAX_FIELDS = 8
MAX_FIELD_BYTES = 4 * 1024
# The fields and boundaries around the file.
FORM_BYTES = 64 * 1024
# Of a file that is too large, so much is read on, for the client to see the answer.
DRAIN_SHARE = 0.25
# And for so long: who stalls is answered all the same.
DRAIN_S = 5.0
MAX_NAME_CHARS = 255
# What OpenAI's clients make of `expires_after={"anchor": …, "seconds": …}`.
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"
KNOWN = frozenset({"purpose", ANCHOR, SECONDS})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def declared_size(request: Request, max_bytes: int) -> int:
    """As the client says it, 0 where it says nothing. Raises FileTooLarge, LengthRequired."""
    headers = request.headers
    if "content-length" not in headers and "transfer-encoding" not in headers:
        raise LengthRequired
    size = int(headers.get("content-length", 0))  # the server refuses what is no number
    if size > max_bytes + FORM_BYTES and expects_continue(headers):
        raise FileTooLarge("file")  # its sender waits for leave to send it
    return size


async def read_file_form(
    request: Request, half: Path, max_bytes: int
) -> tuple[str, dict[str, str]]:
    """Write the file to `half`. Its name, and the other fields. Raises InvalidMultipart,
    FileTooLarge, InvalidField; OSError."""
    check_media_type(request, "multipart/form-data")
    with half.open("wb") as file:
        parser = _FileFormParser(request, file, max_bytes)
        try:
            form = await parser.parse()
        except (MultiPartException, KeyError, UnicodeError):
            raise InvalidMultipart from None
        if not parser.ended:
            raise InvalidMultipart
    items = form.multi_items()
    files = [value for _, value in items if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise InvalidField(FILE_FIELD, fault="value" if files else "missing")
    check_single(items)
    fields = parser.texts()
    for name in fields.keys() - KNOWN:
        raise InvalidField(name if is_plain_name(name) else None, fault="unknown")
    name = _CONTROL.sub("", files[0].filename or "")[:MAX_NAME_CHARS]
    return name or "file.jsonl", fields


async def read_on(request: Request) -> None:
    """What is left of a body that was refused, so that its sender sees why and no reset."""
    seen = request.scope.get(BODY_BYTES, 0)
    if expects_continue(request.headers) and not seen:
        return
    # RuntimeError: it was read to its end.
    with contextlib.suppress(ClientDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for chunk in request.stream():
                seen += len(chunk)
                request.scope[BODY_BYTES] = seen
                if seen > MAX_DRAIN_BYTES:
                    return


def purpose_and_ttl(fields: dict[str, str]) -> int | None:
    """For how many seconds the client wants the file kept, if it says so. Raises InvalidField."""
    if fields.get("purpose") != "batch":
        raise InvalidField("purpose", fault="value" if "purpose" in fields else "missing")
    if ANCHOR not in fields and SECONDS not in fields:
        return None
    seconds = fields.get(SECONDS, "")
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) < 10
    if fields.get(ANCHOR) != "created_at" or not is_number:
        raise InvalidField("expires_after")
    if not SHORTEST_S <= int(seconds) <= LONGEST_S:
        raise InvalidField("expires_after")
    return int(seconds)


class _FileFormParser(FormTextParser):
    """Starlette's parser puts each file into one of its own in /tmp, which in a container is small.
    This one writes the one file where it is to be."""

    def __init__(self, request: Request, file: IO[bytes], max_bytes: int) -> None:
        super().__init__(
            request.headers,
            self._bounded(request, max_bytes),
            max_files=1,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_BYTES,
        )
        self._target = file

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None:
            if part.field_name != FILE_FIELD:
                name = part.field_name if is_plain_name(part.field_name) else None
                raise InvalidField(name, fault="unknown")
            # Of the one temporary file nothing was written.
            part.file.file.close()
            part.file.file = self._target  # type: ignore[assignment]

    @staticmethod
    async def _bounded(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
        """The body's chunks. Past the bound they are read, but not kept."""
        limit = max_bytes + FORM_BYTES
        seen = 0
        async for chunk in request.stream():
            seen += len(chunk)
            request.scope[BODY_BYTES] = seen
            if seen > limit * (1 + DRAIN_SHARE):
                break
            if seen <= limit:
                yield chunk
        if seen > limit:
            raise FileTooLarge("file")
