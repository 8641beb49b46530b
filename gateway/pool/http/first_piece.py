"""Waiting for an answer to begin: a busy replica may be late with it, a hung one never begins."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from contract.render import AnswerPiece
from gateway.pool.http.connection import UpstreamError

# Bytes may have arrived while our event loop was busy: it gets so long to read them.
GRACE_S = 0.05


async def first_piece(
    pieces: AsyncGenerator[AnswerPiece],
    *,
    deadline: float,
    last_try: bool,
    silence_s: float,
    last_byte_at: Callable[[], float],
) -> AnswerPiece | None:
    """The first piece; None when the replica's share of the time is over. Unless this is the
    `last_try`, that is half of what is left until `deadline` (time.monotonic seconds).

    `last_byte_at`: when the replica last sent anything, to any question. It hangs when that is
    `silence_s` ago: raises UpstreamError "silent"."""
    loop = asyncio.get_running_loop()
    started_at = time.monotonic()
    give_up_at = deadline if last_try else started_at + (deadline - started_at) / 2
    timer: asyncio.TimerHandle | None = None
    try:
        async with asyncio.timeout(None) as time_limit:

            def check(after_grace: bool = False) -> None:
                nonlocal timer
                now = time.monotonic()
                hung_at = max(started_at, last_byte_at()) + silence_s
                due = give_up_at if last_try else min(give_up_at, hung_at)
                if due > now:
                    timer = loop.call_later(due - now, check)
                elif after_grace:
                    time_limit.reschedule(loop.time())
                else:
                    timer = loop.call_later(GRACE_S, check, True)

            check()
            return await anext(pieces)
    except TimeoutError:
        if time.monotonic() - max(started_at, last_byte_at()) >= silence_s:
            raise UpstreamError("silent") from None
        return None
    finally:
        if timer is not None:
            timer.cancel()
