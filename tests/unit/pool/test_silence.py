"""gateway/pool/silence.py: what ends the suspicion that a server is silent."""

import asyncio
import time

from gateway.pool.silence import SilenceWatch


class Server:
    def __init__(self) -> None:
        self.last_byte_at = 0.0
        self.told = 0

    async def try_it(self, within_s: float) -> bool:
        return False

    def fall_silent(self) -> None:
        self.told += 1


async def trial() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_byte_of_an_answer_ends_the_silence_though_no_trial_is_answered() -> None:
    server = Server()
    watch = SilenceWatch(0, lambda: server.last_byte_at, server.try_it, server.fall_silent)
    async with watch.question():
        watch.check()
        await trial()
        assert (watch.silent, server.told) == (True, 1)
        watch.check()
        await trial()
        assert (watch.silent, server.told) == (True, 1), "nothing has come"
        server.last_byte_at = time.monotonic()
    watch.check()
    await trial()
    assert not watch.silent
    watch.check()
    await trial()
    assert (watch.silent, server.told) == (False, 1), "nobody asks"
