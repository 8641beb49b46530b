"""Stores answers under their key. A value repeats the key's fields: other fields are a miss."""

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import orjson

from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.key import AnswerKey
from gateway.cache.stored_key import stored_key

# Raised with the form of names and values. Answers of older forms are found by nobody who asks, and
# the oldest may name a person: they are deleted.
PREFIX = "shopsight:answer3"
OLD_PREFIXES = ("shopsight:answer2", "shopsight:answer")
# The TTL is varied by this part, so that answers stored together do not expire together.
TTL_JITTER = 0.1
# Log-probabilities per answer, `top` ones included, about 100 bytes each. An answer with more is
# not stored: parsing 2.4 MB of them blocked the event loop for 0.2 s.
MAX_STORED_LOGPROBS = 1_000
# Names that are deleted in one call.
DELETED_AT_A_TIME = 500
# Escapes the characters that have a meaning in a pattern of Redis' SCAN.
_ESCAPES = str.maketrans({char: f"\\{char}" for char in "*?[]\\^-"})


class WriteOnlyStore(Protocol):
    """Stores bytes by name. In an outage it stores nothing and raises nothing."""

    async def put(self, name: str, value: bytes, ttl_s: int) -> None: ...
    async def close(self) -> None: ...


class Store(WriteOnlyStore, Protocol):
    """Also reads them. In an outage `get` finds nothing, and the deletions raise
    RedisUnavailableError. These return how many values they deleted."""

    async def get(self, name: str) -> bytes | None: ...
    async def delete(self, names: Sequence[str]) -> int: ...
    async def delete_matching(self, pattern: str) -> int: ...


class AnswerNames(Protocol):
    """By what an answer is found: revision, digest of the photo, digest of the key."""

    @property
    def revision(self) -> str: ...
    @property
    def image(self) -> str: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True)
class CachedAnswer:
    answer: Delta
    end: Finished
    policy_version: str
    stored_at: float
    fresh_until: float
    """Unix seconds. Later the answer is given out as stale, and recomputed in the background."""

    @property
    def age_s(self) -> int:
        return max(0, int(time.time() - self.stored_at))

    @property
    def stale(self) -> bool:
        return time.time() > self.fresh_until


class AnswerWriter:
    """Stores answers where an AnswerCache finds them."""

    def __init__(self, store: WriteOnlyStore, fresh_s: int, stale_s: int) -> None:
        self._store = store
        self._fresh_s = fresh_s
        self._stale_s = stale_s

    async def put(self, key: AnswerKey, answer: Delta, end: Finished, policy_version: str) -> None:
        """`policy_version`: the text policy that has screened the answer."""
        if sum(1 + len(token.top) for token in answer.logprobs) > MAX_STORED_LOGPROBS:
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
        await self._store.put(answer_name(key), orjson.dumps(value), round(fresh_s) + self._stale_s)

    async def close(self) -> None:
        await self._store.close()


class AnswerCache(AnswerWriter):
    _store: Store

    def __init__(self, store: Store, fresh_s: int, stale_s: int) -> None:
        super().__init__(store, fresh_s, stale_s)

    async def get(self, key: AnswerKey) -> CachedAnswer | None:
        value = await self._store.get(answer_name(key))
        return None if value is None else read_answer(value, key)

    async def key_of(self, given: AnswerNames) -> AnswerKey | None:
        """The whole key of an answer that is stored."""
        name = _names(given.revision, given.image, given.key)[0]
        value = await self._store.get(name)
        return None if value is None else stored_key(value, given.key)

    async def purge(
        self, *, image: str | None = None, revision: str | None = None, key: str | None = None
    ) -> int:
        """Delete the answers that match all given conditions: about a photo (its pixel digest), of
        a revision, under a key's digest. Without conditions it deletes all. Returns how many.
        Raises RedisUnavailableError."""
        wanted = [
            "*" if part is None else part.translate(_ESCAPES) for part in (revision, image, key)
        ]
        return sum([await self._store.delete_matching(name) for name in _names(*wanted)])

    async def delete_old_forms(self) -> int:
        """Returns how many there were. Raises RedisUnavailableError."""
        return sum([await self._store.delete_matching(f"{old}:*") for old in OLD_PREFIXES])

    async def delete(self, answers: Sequence[AnswerNames]) -> int:
        """Delete these answers. Returns how many were stored. Raises RedisUnavailableError."""
        names = [
            name for given in answers for name in _names(given.revision, given.image, given.key)
        ]
        deleted = 0
        for begin in range(0, len(names), DELETED_AT_A_TIME):
            deleted += await self._store.delete(names[begin : begin + DELETED_AT_A_TIME])
        return deleted


def answer_name(key: AnswerKey) -> str:
    """The name of an answer in the store. A purge finds it by revision and photo. The hash tag, by
    which a cluster keeps answer and lease together, comes first: a revision may have braces."""
    return f"{PREFIX}:{{{key.digest}}}:{key.revision}:{key.image}"


def _names(revision: str, image: str, digest: str) -> list[str]:
    """In all forms. Each part may be a pattern."""
    old = [f"{prefix}:{revision}:{image}:{digest}" for prefix in OLD_PREFIXES]
    return [f"{PREFIX}:{{{digest}}}:{revision}:{image}", *old]


def read_answer(value: bytes, key: AnswerKey) -> CachedAnswer | None:
    """The answer in a stored value; None if the value is invalid or belongs to another key."""
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
