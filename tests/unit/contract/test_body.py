"""A body is the same however it comes in pieces."""

import random

import pytest
from blake3 import blake3
from starlette.requests import Request
from starlette.types import Message

from contract.errors import PayloadTooLarge
from contract.http import GATHER_BYTES, BodyTooLarge, read_body


@pytest.mark.parametrize("size", [0, 1, GATHER_BYTES - 1, GATHER_BYTES, 3 * GATHER_BYTES + 7])
async def test_the_pieces_make_up_the_body_and_its_digest(size: int) -> None:
    sent = random.Random(1).randbytes(size)
    left = [sent[begin : begin + 100_000] for begin in range(0, max(1, size), 100_000)]

    async def receive() -> Message:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    headers = [(b"content-length", str(size).encode())]
    body = await read_body(Request({"type": "http", "headers": headers}, receive))
    assert body.data == sent
    assert body.digest == blake3(sent).hexdigest()


@pytest.mark.parametrize(("bound", "told"), [(BodyTooLarge(8192), "8 KB"), (None, "10 MB")])
async def test_a_body_that_is_too_large_is_told_what_its_address_takes(
    bound: BodyTooLarge | None, told: str
) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    length = (b"content-length", b"99999999")
    request = Request({"type": "http", "headers": [length], "method": "POST"}, receive)
    with pytest.raises(PayloadTooLarge) as caught:
        await read_body(request, bound)
    assert told in caught.value.message("en")
    assert told in caught.value.message("zh")
