"""gateway/pool/http/first_piece.py: an answer that does not begin, of a replica that answers others
and of one that answers nobody."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import pytest

from contract.render import AnswerPiece
from contract.response import Delta
from gateway.pool.http.connection import UpstreamError
from gateway.pool.http.first_piece import first_piece

LONG_AGO = 0.0


async def never() -> AsyncGenerator[AnswerPiece]:
    await asyncio.Event().wait()
    yield Delta("")


async def waited_for(last_byte_at: Callable[[], float], last_try: bool) -> AnswerPiece | None:
    return await first_piece(
        never(),
        deadline=time.monotonic() + (0.2 if last_try else 0.4),
        last_try=last_try,
        silence_s=0.1,
        last_byte_at=last_byte_at,
    )


@pytest.mark.parametrize("last_try", [False, True])
async def test_who_answers_others_meanwhile_is_late_and_does_not_hang(last_try: bool) -> None:
    assert await waited_for(time.monotonic, last_try) is None


@pytest.mark.parametrize("last_try", [False, True])
async def test_who_answers_nobody_hangs(last_try: bool) -> None:
    with pytest.raises(UpstreamError) as caught:
        await waited_for(lambda: LONG_AGO, last_try)
    assert caught.value.kind == "silent"
