"""One computation of an answer for all gateways: led here, or followed from where it is led."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from contract.errors import DeadlineExceeded, ReplicaFailed, ShopsightError
from contract.render import AnswerPiece, AnswerPieces
from contract.response import Delta, Finished
from gateway.cache.answers import name_of
from gateway.cache.key import AnswerKey
from gateway.cache.lease import LEASE_MS, Claim, Leases
from gateway.cache.redis import RedisUnavailableError

# How often a follower asks for new events; below what an eye sees in a text that grows.
POLL_S = 0.02
# Pieces are told to other gateways at most so often: a fast model would cost a call each.
TELL_S = 0.02

Outcome = Literal["miss", "joined", "hit"]


class HolderGoneError(Exception):
    """The gateway that led has died, or Redis has forgotten it."""


class Computation:
    """An answer that is nobody else's: a warm question without a seed, or no Redis to share by."""

    outcome: Outcome = "miss"

    def __init__(self, compute: Callable[[], AnswerPieces]) -> None:
        self._compute = compute

    def events(self) -> AnswerPieces:
        return self._compute()

    async def may_cancel(self) -> bool:
        """Asked when the last follower here has left: whether it may end unfinished."""
        return True


class SharedComputation(Computation):
    def __init__(
        self,
        compute: Callable[[], AnswerPieces],
        *,
        leases: Leases,
        key: AnswerKey,
        stored: Callable[[bytes], list[AnswerPiece] | None],
        take_stored: bool,
        deadline: float,
    ) -> None:
        """`stored` turns a value of the answer cache into events, None when it will not do;
        `take_stored`: an answer that was stored meanwhile is as good. `deadline` in
        time.monotonic seconds."""
        super().__init__(compute)
        self._leases = leases
        self._key = key
        self._stored = stored
        self._take_stored = take_stored
        self._deadline = deadline
        self._leading: str | None = None

    async def events(self) -> AsyncGenerator[AnswerPiece]:
        told = ""
        while True:
            try:
                async with aclosing(_beyond(await self._source(), told)) as events:
                    async for event in events:
                        if isinstance(event, Delta):
                            told += event.text
                        yield event
                return
            except HolderGoneError:  # claim it, or follow whoever was faster
                continue

    async def may_cancel(self) -> bool:
        if self._leading is None:
            return True
        try:
            return await self._leases.release_unless_followed(self._key.digest, self._leading)
        except RedisUnavailableError:
            return True

    async def _source(self) -> AnswerPieces:
        claim = await self._claim()
        if claim is not None and claim.state == "answered":
            events = self._stored(claim.value)
            if events is not None:
                self.outcome = "hit"
                return _replay(events)
            self._take_stored = False
            claim = await self._claim()
        if claim is None:
            self.outcome = "miss"
            return self._compute()
        if claim.state == "following":
            self.outcome = "joined"
            return self._follow(claim.token)
        self.outcome = "miss"
        return self._lead(claim.token)

    async def _claim(self) -> Claim | None:
        try:
            return await self._leases.claim(self._key.digest, name_of(self._key), self._take_stored)
        except RedisUnavailableError:
            return None

    async def _lead(self, token: str) -> AsyncGenerator[AnswerPiece]:
        self._leading = token
        told = _Telling(self._leases, self._key.digest, token)
        try:
            async with aclosing(self._compute()) as events:
                async for event in events:
                    told.tell(event)
                    yield event
        except ShopsightError as error:
            told.tell(error)
            raise
        finally:
            self._leading = None
            await told.close()

    async def _follow(self, token: str) -> AsyncGenerator[AnswerPiece]:
        after = "0"
        while time.monotonic() < self._deadline:
            try:
                events, after, alive = await self._leases.read(self._key.digest, token, after)
            except RedisUnavailableError:
                raise HolderGoneError from None
            for event in events:
                yield event
                if isinstance(event, Finished):
                    return
            if not alive:
                raise HolderGoneError
            await asyncio.sleep(POLL_S)
        raise DeadlineExceeded


class _Telling:
    """The leader's side: events go out in a task of their own, so that Redis never slows down the
    answer, and the lease is renewed while there is nothing to tell."""

    def __init__(self, leases: Leases, digest: str, token: str) -> None:
        self._leases, self._digest, self._token = leases, digest, token
        self._untold: list[AnswerPiece | ShopsightError] = []
        self._news = asyncio.Event()
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def tell(self, event: AnswerPiece | ShopsightError) -> None:
        self._untold.append(event)
        self._news.set()

    async def close(self) -> None:
        self._end.set()
        self._news.set()
        await self._task

    async def _run(self) -> None:
        ended = False
        while not ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEASE_MS / 3000):
                    await self._news.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_S):
                    await self._end.wait()
            self._news.clear()
            ended = self._end.is_set()
            events, self._untold = self._untold, []
            # Followers notice a lease that is not renewed; the answer itself does not suffer.
            with contextlib.suppress(RedisUnavailableError):
                await self._leases.publish(self._digest, self._token, events, ended)


async def _beyond(events: AnswerPieces, told: str) -> AsyncGenerator[AnswerPiece]:
    """The events that come after the text `told`, which another leader's died with. Raises
    ReplicaFailed where they do not extend it."""
    async with aclosing(events):
        async for event in events:
            if not told:
                yield event
                continue
            if isinstance(event, Finished) or event.logprobs:
                raise ReplicaFailed
            size = min(len(told), len(event.text))
            if event.text[:size] != told[:size]:
                raise ReplicaFailed
            told = told[size:]
            if len(event.text) > size:
                yield Delta(event.text[size:])


async def _replay(events: list[AnswerPiece]) -> AsyncGenerator[AnswerPiece]:
    for event in events:
        yield event
