"""Answers to requests with an Idempotency-Key, kept for a while: a client that sends a request once
more, because it never saw the answer, is given that answer. Who reads Redis cannot read them."""

import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gateway.cache.redis import RedisClient, RedisUnavailableError

PREFIX = "shopsight:retry"
# A client sends again within seconds; an app that was put away, within minutes.
KEPT_S = 600
# A request whose gateway has died may be sent again after so long.
BEGUN_S = 60
# Of one caller at a time. A further request is answered, and not kept.
MAX_A_CALLER = 200
# In a gateway without Redis: callers, and bytes of what is kept of all of them. An answer has a few
# KB. The caller who has sent nothing for the longest goes first.
MAX_CALLERS = 1_000
MAX_MEMORY_BYTES = 32 * 1024 * 1024
# Larger answers, which none of ours is, are not kept.
MAX_BYTES = 64 * 1024
NONCE_BYTES = 12
BEGUN = b"0"
# KEYS: the caller's hash. ARGV: field, fingerprint, now, seconds of one begun, of one kept, most.
# A value is `<begun until or kept until>:<fingerprint>:<0, or 1 and the answer>`.
BEGIN = """
local now = tonumber(ARGV[3])
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found then
  local ends = tonumber(string.match(found, '^[^:]+'))
  if ends and ends > now then return found end
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    local ends = tonumber(string.match(redis.call('HGET', KEYS[1], name), '^[^:]+'))
    if not ends or ends <= now then redis.call('HDEL', KEYS[1], name) end
  end
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then return 'full' end
end
redis.call('HSET', KEYS[1], ARGV[1], (now + ARGV[4]) .. ':' .. ARGV[2] .. ':0')
redis.call('EXPIRE', KEYS[1], ARGV[5])
return ''
"""
BEGIN_SHA = hashlib.sha1(BEGIN.encode(), usedforsecurity=False).hexdigest()


class RetryStore(Protocol):
    """Raises RedisUnavailableError."""

    async def begin(self, caller: str, field: str, fingerprint: str) -> bytes:
        """What is there; nothing where this request has begun, `full` where it cannot be kept."""
        ...

    async def keep(self, caller: str, field: str, value: bytes) -> None: ...
    async def drop(self, caller: str, field: str) -> None: ...
    async def forget(self, caller: str) -> None: ...


class MemoryRetryStore:
    """For a gateway without Redis."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._callers: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._size = 0  # bytes of all values

    async def begin(self, caller: str, field: str, fingerprint: str) -> bytes:
        kept = self._callers.setdefault(caller, {})
        self._callers.move_to_end(caller)
        now = self._now()
        for name in [name for name, value in kept.items() if _ends(value) <= now]:
            await self.drop(caller, name)
        if field in kept:
            return kept[field]
        if len(kept) >= MAX_A_CALLER:
            return b"full"
        await self.keep(caller, field, f"{now + BEGUN_S}:{fingerprint}:0".encode())
        return b""

    async def keep(self, caller: str, field: str, value: bytes) -> None:
        if caller not in self._callers:
            return
        await self.drop(caller, field)
        self._callers[caller][field] = value
        self._size += len(value)
        while len(self._callers) > MAX_CALLERS or self._size > MAX_MEMORY_BYTES:
            await self.forget(next(iter(self._callers)))

    async def drop(self, caller: str, field: str) -> None:
        self._size -= len(self._callers.get(caller, {}).pop(field, b""))

    async def forget(self, caller: str) -> None:
        self._size -= sum(map(len, self._callers.pop(caller, {}).values()))


class RedisRetryStore:
    """One hash a caller, so that all of a caller's go with one command."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def begin(self, caller: str, field: str, fingerprint: str) -> bytes:
        limits = BEGUN_S, KEPT_S, MAX_A_CALLER
        arguments = (f"{PREFIX}:{caller}", field, fingerprint, time.time(), *limits)
        try:
            found = await self._client.call("EVALSHA", BEGIN_SHA, 1, *arguments)
        except RedisUnavailableError as error:
            if not error.script_unknown:
                raise
            found = await self._client.call("EVAL", BEGIN, 1, *arguments)
        return bytes(found)

    async def keep(self, caller: str, field: str, value: bytes) -> None:
        await self._client.call("HSET", f"{PREFIX}:{caller}", field, value)
        await self._client.call("EXPIRE", f"{PREFIX}:{caller}", KEPT_S)

    async def drop(self, caller: str, field: str) -> None:
        await self._client.call("HDEL", f"{PREFIX}:{caller}", field)

    async def forget(self, caller: str) -> None:
        await self._client.call("UNLINK", f"{PREFIX}:{caller}")


@dataclass(frozen=True)
class Earlier:
    """What became of an earlier request with the same Idempotency-Key. `unknown`: nothing is kept,
    and nothing of this one will be. `begun`: by this request, now."""

    state: Literal["begun", "under way", "another", "answered", "unknown"]
    answer: bytes = b""


def _ends(value: bytes) -> float:
    return float(value.partition(b":")[0])


class Retries:
    """`secret`: of the gateways. With the client's own key it makes the key of each answer."""

    def __init__(self, store: RetryStore, secret: str) -> None:
        self._store = store
        self._secret = hmac.digest(secret.encode(), b"idempotency", "sha256")

    async def begin(self, caller: str, key: str, fingerprint: str) -> Earlier:
        try:
            found = await self._store.begin(self._name(caller), self._field(key), fingerprint)
        except RedisUnavailableError:
            return Earlier("unknown")
        if found in (b"", b"full"):
            return Earlier("unknown" if found else "begun")
        _, mark, rest = found.split(b":", 2)
        if mark.decode() != fingerprint:
            return Earlier("another")
        if rest == BEGUN:
            return Earlier("under way")
        answer = self._decrypted(caller, key, rest[1:])
        return Earlier("unknown") if answer is None else Earlier("answered", answer)

    async def keep(self, caller: str, key: str, fingerprint: str, answer: bytes) -> None:
        """In an outage nothing is kept."""
        if len(answer) > MAX_BYTES:
            await self.drop(caller, key)
            return
        head = f"{time.time() + KEPT_S}:{fingerprint}:1".encode()
        try:
            value = head + self._encrypted(caller, key, answer)
            await self._store.keep(self._name(caller), self._field(key), value)
        except RedisUnavailableError:
            return

    async def drop(self, caller: str, key: str) -> None:
        """The request has failed: sent again, it is done again."""
        try:
            await self._store.drop(self._name(caller), self._field(key))
        except RedisUnavailableError:
            return

    async def forget(self, caller: str) -> None:
        """All of a caller's, in an erasure. Raises RedisUnavailableError."""
        await self._store.forget(self._name(caller))

    def _name(self, caller: str) -> str:
        return hmac.new(self._secret, caller.encode(), hashlib.sha256).hexdigest()[:32]

    def _field(self, key: str) -> str:
        return hmac.new(self._secret, f"field {key}".encode(), hashlib.sha256).hexdigest()[:32]

    def _key(self, caller: str, key: str) -> bytes:
        return hmac.digest(self._secret, f"{len(caller)}:{caller}{key}".encode(), "sha256")

    def _encrypted(self, caller: str, key: str, answer: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed: bytes = _cipher(self._key(caller, key)).encrypt(nonce, answer, None)
        return nonce + sealed

    def _decrypted(self, caller: str, key: str, value: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        nonce, sealed = value[:NONCE_BYTES], value[NONCE_BYTES:]
        try:
            opened: bytes = _cipher(self._key(caller, key)).decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError):
            return None
        return opened


def _cipher(key: bytes) -> Any:
    # Imported here: it takes memory that a gateway whose clients send no such key does not need.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
