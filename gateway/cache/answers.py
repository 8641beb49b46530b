"""Answers kept by their key. The value repeats the key's fields: what does not match is a miss."""

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import orjson

from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.key import AnswerKey

PREFIX = "shopsight:answer"
# Lives are spread by this part of the TTL, so that answers stored together do not expire together.
TTL_JITTER = 0.1
# Log-probabilities of an answer, the likeliest at each place counted too, about 100 bytes each. One
# with more is not kept: reading 2.4 MB of them took 0.2 s of everybody's time.
KEPT_LOGPROBS = 1_000
# Names of one deletion.
DELETED_AT_A_TIME = 500
# Characters that a pattern of Redis' SCAN would read as more than themselves.
_PATTERN = str.maketrans({char: f"\\{char}" for char in "*?[]\\^-"})


class WriteOnlyStore(Protocol):
    """Where bytes are put by name. An outage is no error."""

    async def put(self, name: str, value: bytes, ttl_s: int) -> None: ...
    async def close(self) -> None: ...


class Store(WriteOnlyStore, Protocol):
    """Where they are found again, too; in an outage nothing is."""

    async def get(self, name: str) -> bytes | None: ...
    async def delete(self, names: Sequence[str]) -> int: ...
    async def delete_matching(self, pattern: str) -> int: ...


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as the log's rows name it: revision, the photo's digest, the key's digest."""

    revision: str
    image: str
    key: str


@dataclass(frozen=True)
class CachedAnswer:
    answer: Delta
    end: Finished
    policy_version: str
    stored_at: float
    fresh_until: float
    """Unix seconds; later it is still given out, and computed anew behind the asker's back."""

    @property
    def age_s(self) -> int:
        return max(0, int(time.time() - self.stored_at))

    @property
    def stale(self) -> bool:
        return time.time() > self.fresh_until


class AnswerWriter:
    """Puts answers where an AnswerCache finds them."""

    def __init__(self, store: WriteOnlyStore, fresh_s: int, stale_s: int) -> None:
        self._store = store
        self._fresh_s = fresh_s
        self._stale_s = stale_s

    async def put(self, key: AnswerKey, answer: Delta, end: Finished, policy_version: str) -> None:
        if sum(1 + len(token.top) for token in answer.logprobs) > KEPT_LOGPROBS:
            return
        now = time.time()
        fresh_s = self._fresh_s * random.uniform(1 - TTL_JITTER, 1 + TTL_JITTER)  # noqa: S311
        value = {
            "key": key.parts,
            "text": answer.text,
            "logprobs": [token.wire() for token in answer.logprobs],
            "finish_reason": end.reason,
            "usage": asdict(end.usage),
            "policy_version": policy_version,
            "stored_at": round(now, 3),
            "fresh_until": round(now + fresh_s, 3),
        }
        await self._store.put(name_of(key), orjson.dumps(value), round(fresh_s) + self._stale_s)

    async def close(self) -> None:
        await self._store.close()


class AnswerCache(AnswerWriter):
    _store: Store

    def __init__(self, store: Store, fresh_s: int, stale_s: int) -> None:
        super().__init__(store, fresh_s, stale_s)

    async def get(self, key: AnswerKey) -> CachedAnswer | None:
        value = await self._store.get(name_of(key))
        return None if value is None else read_answer(value, key)

    async def purge(
        self, *, image: str | None = None, revision: str | None = None, key: str | None = None
    ) -> int:
        """Forget the answers about a photo (its pixel digest), of a revision, under a key's digest,
        or those for which all that is given holds; with nothing given all. Returns how many."""
        parts = ["*" if part is None else part.translate(_PATTERN) for part in (revision, image)]
        last = "*" if key is None else key.translate(_PATTERN)
        return await self._store.delete_matching(":".join([PREFIX, *parts, last]))

    async def delete(self, answers: Sequence[GivenAnswer]) -> int:
        """These, if they are there; returns how many were. Raises RedisUnavailableError."""
        names = [f"{PREFIX}:{given.revision}:{given.image}:{given.key}" for given in answers]
        deleted = 0
        for begin in range(0, len(names), DELETED_AT_A_TIME):
            deleted += await self._store.delete(names[begin : begin + DELETED_AT_A_TIME])
        return deleted


def name_of(key: AnswerKey) -> str:
    """Where an answer lies. Revision and photo are in the name so that a purge can find them."""
    return f"{PREFIX}:{key.revision}:{key.image}:{key.digest}"


def read_answer(value: bytes, key: AnswerKey) -> CachedAnswer | None:
    """None for anything that is not exactly an answer to this key."""
    try:
        fields: dict[str, Any] = orjson.loads(value)
        if fields["key"] != key.parts:
            return None
        return CachedAnswer(
            answer=Delta(fields["text"], tuple(map(TokenLogprob.read, fields["logprobs"]))),
            end=Finished(fields["finish_reason"], Usage(**fields["usage"])),
            policy_version=fields["policy_version"],
            stored_at=fields["stored_at"],
            fresh_until=fields["fresh_until"],
        )
    except (ValueError, KeyError, TypeError):
        return None
