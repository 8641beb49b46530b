"""One computation of an answer for all gateways: this one leads it or follows another's."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from contract.errors import DeadlineExceeded, ReplicaFailed, ShopsightError
from contract.render import AnswerPiece, AnswerPieces
from contract.response import Delta, Finished
from gateway.cache.answers import answer_name
from gateway.cache.key import AnswerKey
from gateway.cache.lease import LEASE_MS, Claim, Leases
from gateway.cache.redis import RedisUnavailableError
from gateway.cache.sharing import SHARE_ALL, SharePolicy, Sharing

# How often a follower asks for new pieces: too short a delay to be seen in a growing text.
POLL_S = 0.02
# Pieces are published at most this often: with a fast model each piece would cost a Redis call.
PUBLISH_S = 0.02

Outcome = Literal["miss", "joined", "hit"]


class HolderGoneError(Exception):
    """The gateway that led the computation has died, or Redis has lost its lease."""


class Computation:
    """A computation for this gateway alone: without Redis, or for answers that may not be
    shared."""

    outcome: Outcome = "miss"

    def __init__(self, compute: Callable[[], AnswerPieces]) -> None:
        self._compute = compute

    def pieces(self) -> AnswerPieces:
        return self._compute()

    async def may_cancel(self) -> bool:
        """Asked when the last follower in this gateway has left: whether nobody else needs it."""
        return True


class SharedComputation(Computation):
    def __init__(
        self,
        compute: Callable[[], AnswerPieces],
        *,
        leases: Leases,
        key: AnswerKey,
        read_stored: Callable[[bytes], list[AnswerPiece] | None],
        accept_stored: bool,
        deadline: float,
        policy: SharePolicy = SHARE_ALL,
    ) -> None:
        """`read_stored` turns a value of the answer cache into pieces, None if it is not usable.
        `accept_stored`: an answer that was stored meanwhile may be given out. `deadline` is in
        seconds of `time.monotonic`."""
        super().__init__(compute)
        self._leases = leases
        self._key = key
        self._read_stored = read_stored
        self._accept_stored = accept_stored
        self._deadline = deadline
        self._policy = policy
        self._token: str | None = None  # of the lease, while this gateway leads

    async def pieces(self) -> AsyncGenerator[AnswerPiece]:
        """Raises ShopsightError. If the leader dies, this goes on with another computation."""
        sent = ""
        while True:
            try:
                async with aclosing(skip_text(await self._claim_and_start(), sent)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Delta):
                            sent += piece.text
                        yield piece
                return
            except HolderGoneError:  # claim the lease, or follow whoever was faster
                continue

    async def may_cancel(self) -> bool:
        if self._token is None:
            return True
        try:
            return await self._leases.release_unless_followed(self._key.digest, self._token)
        except RedisUnavailableError:
            return True

    async def _claim_and_start(self) -> AnswerPieces:
        claim = await self._claim()
        if claim is not None and claim.state == "answered":
            pieces = self._read_stored(claim.value)
            if pieces is not None:
                self.outcome = "hit"
                return iterate(pieces)
            self._accept_stored = False
            claim = await self._claim()
        if claim is None or claim.state == "alone":
            self.outcome = "miss"
            return self._compute()
        if claim.state == "following":
            self.outcome = "joined"
            return self._follow(claim.token)
        self.outcome = "miss"
        return self._lead(claim.token)

    async def _claim(self) -> Claim | None:
        """None if Redis is down: then this gateway computes for itself."""
        digest, name = self._key.digest, answer_name(self._key)
        try:
            return await self._leases.claim(digest, name, self._accept_stored)
        except RedisUnavailableError:
            return None

    async def _lead(self, token: str) -> AsyncGenerator[AnswerPiece]:
        self._token = token
        publisher = _Publisher(self._leases, self._key.digest, token)
        sharing = Sharing(self._policy)
        try:
            async with aclosing(self._compute()) as pieces:
                async for piece in pieces:
                    for shared in sharing.add(piece):
                        publisher.add(shared)
                    if sharing.withheld:
                        publisher.withhold()
                    yield piece
        except ShopsightError as error:
            publisher.add(error)
            raise
        finally:
            self._token = None
            await publisher.close()

    async def _follow(self, token: str) -> AsyncGenerator[AnswerPiece]:
        last_id = "0"
        while time.monotonic() < self._deadline:
            try:
                pieces, last_id, alive = await self._leases.read(self._key.digest, token, last_id)
            except RedisUnavailableError:
                raise HolderGoneError from None
            for piece in pieces:
                yield piece
                if isinstance(piece, Finished):
                    return
            if not alive:
                raise HolderGoneError
            await asyncio.sleep(POLL_S)
        raise DeadlineExceeded


class _Publisher:
    """Publishes the leader's pieces to other gateways, and renews the lease while there are none.
    It runs in a task of its own, so that Redis never slows down the answer."""

    def __init__(self, leases: Leases, digest: str, token: str) -> None:
        self._leases, self._digest, self._token = leases, digest, token
        self._unpublished: list[AnswerPiece | ShopsightError] = []
        self._has_news = asyncio.Event()
        self._closing = asyncio.Event()
        self._withheld = False
        self._task = asyncio.create_task(self._run())

    def add(self, piece: AnswerPiece | ShopsightError) -> None:
        self._unpublished.append(piece)
        self._has_news.set()

    def withhold(self) -> None:
        """Take back what was published, and tell who follows to compute for itself."""
        self._withheld = True
        self._has_news.set()

    async def close(self) -> None:
        """Publish the rest and release the lease."""
        self._closing.set()
        self._has_news.set()
        await self._task

    async def _run(self) -> None:
        published, held = 0, True
        while held:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEASE_MS / 3000):
                    await self._has_news.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PUBLISH_S):
                    await self._closing.wait()
            self._has_news.clear()
            if self._withheld:
                # In an outage the lease ends by itself; what was published names nobody.
                with contextlib.suppress(RedisUnavailableError):
                    await self._leases.withhold(self._digest, self._token)
                return
            ended = self._closing.is_set()
            pieces, self._unpublished = self._unpublished, []
            try:
                held = await self._leases.publish(
                    self._digest, self._token, pieces, before=published, end=ended
                )
            except RedisUnavailableError:
                # Followers see that the lease is not renewed, or the next call finds these pieces
                # missing. The answer here goes on.
                held = not ended
            published += len(pieces)


async def skip_text(pieces: AnswerPieces, sent: str) -> AsyncGenerator[AnswerPiece]:
    """The pieces without the text `sent`, which came from another computation that cannot be
    followed to its end. Raises ReplicaFailed if the pieces do not begin with it."""
    async with aclosing(pieces):
        async for piece in pieces:
            if not sent:
                yield piece
                continue
            if isinstance(piece, Finished) or piece.logprobs:
                raise ReplicaFailed
            size = min(len(sent), len(piece.text))
            if piece.text[:size] != sent[:size]:
                raise ReplicaFailed
            sent = sent[size:]
            if len(piece.text) > size:
                yield Delta(piece.text[size:])


async def iterate(pieces: list[AnswerPiece]) -> AsyncGenerator[AnswerPiece]:
    for piece in pieces:
        yield piece
