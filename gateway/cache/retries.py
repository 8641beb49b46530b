"""Answers to requests with an Idempotency-Key, kept for a while: a client that sends a request once
more, because it never saw the answer, is given that answer. Who reads Redis cannot read them."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gateway.cache.redis import BREAK_S, RedisClient, RedisUnavailableError

PREFIX = "shopsight:retry"
# A client sends again within seconds; an app that was put away, within minutes.
KEPT_S = 600
# A request whose gateway has died may be sent again after its deadline and so long.
BEGUN_S = 30
# Of one caller at a time. A further request is answered, and not kept.
MAX_A_CALLER = 200
# In a gateway without Redis: callers, and bytes of what is kept of all of them. An answer has a few
# KB. The caller who has sent nothing for the longest goes first.
MAX_CALLERS = 1_000
MAX_MEMORY_BYTES = 32 * 1024 * 1024
# Larger answers, which none of ours is, are not kept.
MAX_BYTES = 64 * 1024
NONCE_BYTES = 12
# What Redis does not take at a request's end is tried once more, when its breaker has closed again.
AGAIN_S = 1.5 * BREAK_S
BEGUN, ANSWERED = b"0", b"1"
# A value is `<until when>:<fingerprint>:<0 and a token of this request, or 1 and the answer>`.
# KEYS: the caller's hash. ARGV: field, value of one begun, now, seconds of one kept, most.
BEGIN = """
local now = tonumber(ARGV[3])
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found then
  local ends = tonumber(string.match(found, '^[^:]+'))
  if ends and ends > now then return found end
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    local ends = tonumber(string.match(redis.call('HGET', KEYS[1], name), '^[^:]+'))
    if not ends or ends <= now then redis.call('HDEL', KEYS[1], name) end
  end
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 'full' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return ''
"""
# Only what is this request's own: it may have been erased, or begun anew by another.
# KEYS: the caller's hash. ARGV: field, value of this one begun, the new value or nothing.
END = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return redis.call('EXPIRE', KEYS[1], ARGV[4])
"""


class RetryStore(Protocol):
    """Raises RedisUnavailableError."""

    async def begin(self, caller: str, field: str, begun: bytes) -> bytes:
        """What is there; nothing where this request has begun, `full` where it cannot be kept."""
        ...

    async def end(self, caller: str, field: str, begun: bytes, value: bytes) -> None:
        """`value` in the place of `begun`, or nothing. Where something else is there, it stays."""
        ...

    async def forget(self, caller: str) -> None: ...


class MemoryRetryStore:
    """For a gateway without Redis."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._callers: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._size = 0  # bytes of all values

    async def begin(self, caller: str, field: str, begun: bytes) -> bytes:
        kept = self._callers.setdefault(caller, {})
        self._callers.move_to_end(caller)
        now = self._now()
        for name in [name for name, value in kept.items() if _ends(value) <= now]:
            await self._put(caller, name, b"")
        if field in kept:
            return kept[field]
        if len(kept) >= MAX_A_CALLER:
            return b"full"
        await self._put(caller, field, begun)
        return b""

    async def end(self, caller: str, field: str, begun: bytes, value: bytes) -> None:
        if self._callers.get(caller, {}).get(field) == begun:
            await self._put(caller, field, value)

    async def _put(self, caller: str, field: str, value: bytes) -> None:
        kept = self._callers[caller]
        self._size += len(value) - len(kept.pop(field, b""))
        if value:
            kept[field] = value
        while len(self._callers) > MAX_CALLERS or self._size > MAX_MEMORY_BYTES:
            await self.forget(next(iter(self._callers)))

    async def forget(self, caller: str) -> None:
        self._size -= sum(map(len, self._callers.pop(caller, {}).values()))


class RedisRetryStore:
    """One hash a caller, so that all of a caller's go with one command."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def begin(self, caller: str, field: str, begun: bytes) -> bytes:
        limits = KEPT_S, MAX_A_CALLER
        return bytes(await self._script(BEGIN, caller, field, begun, time.time(), *limits))

    async def end(self, caller: str, field: str, begun: bytes, value: bytes) -> None:
        await self._script(END, caller, field, begun, value, KEPT_S)

    async def _script(self, script: str, caller: str, *arguments: Any) -> Any:
        known = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        named = (1, f"{PREFIX}:{caller}", *arguments)
        try:
            return await self._client.call("EVALSHA", known, *named)
        except RedisUnavailableError as error:
            if not error.script_unknown:
                raise
            return await self._client.call("EVAL", script, *named)

    async def forget(self, caller: str) -> None:
        await self._client.call("UNLINK", f"{PREFIX}:{caller}")


@dataclass(frozen=True)
class Earlier:
    """What became of an earlier request with the same Idempotency-Key. `unknown`: nothing is kept,
    and nothing of this one will be. `begun`: by this request, now, or perhaps by nobody."""

    state: Literal["begun", "under way", "another", "answered", "unknown"]
    answer: bytes = b""
    begun: bytes = b""
    """How the store knows this request. To be given back at its end."""


def _ends(value: bytes) -> float:
    return float(value.partition(b":")[0])


class Retries:
    """`secret`: of the gateways. With the client's own key it makes the key of each answer."""

    def __init__(self, store: RetryStore, secret: str, deadline_ms: int) -> None:
        """`deadline_ms`: of a request. Until then it counts as under way."""
        self._store = store
        self._begun_s = deadline_ms / 1000 + BEGUN_S
        self._secret = hmac.digest(secret.encode(), b"idempotency", "sha256")
        self._ending: set[asyncio.Task[None]] = set()

    async def begin(self, caller: str, key: str, fingerprint: str) -> Earlier:
        begun = f"{time.time() + self._begun_s}:{fingerprint}:0{secrets.token_hex(8)}".encode()
        try:
            found = await self._store.begin(self._name(caller), self._field(key), begun)
        except RedisUnavailableError:
            # Redis may have done it, and its reply is lost. What ends is only this request's own.
            return Earlier("begun", begun=begun)
        if found in (b"", b"full"):
            return Earlier("unknown") if found else Earlier("begun", begun=begun)
        _, mark, rest = found.split(b":", 2)
        if mark.decode() != fingerprint:
            return Earlier("another")
        if rest[:1] == BEGUN:
            return Earlier("under way")
        answer = self._decrypted(caller, key, rest[1:])
        return Earlier("unknown") if answer is None else Earlier("answered", answer)

    async def keep(self, caller: str, key: str, begun: bytes, answer: bytes) -> None:
        """In an outage, but for a short one, nothing is kept."""
        if len(answer) > MAX_BYTES:
            await self.drop(caller, key, begun)
            return
        fingerprint = begun.split(b":")[1]
        head = b":".join((str(time.time() + KEPT_S).encode(), fingerprint, ANSWERED))
        await self._end(caller, key, begun, head + self._encrypted(caller, key, answer))

    async def drop(self, caller: str, key: str, begun: bytes) -> None:
        """The request has failed: sent again, it is done again."""
        await self._end(caller, key, begun, b"")

    async def _end(self, caller: str, key: str, begun: bytes, value: bytes) -> None:
        arguments = self._name(caller), self._field(key), begun, value
        try:
            await self._store.end(*arguments)
        except RedisUnavailableError:
            again = asyncio.create_task(self._end_again(*arguments))
            self._ending.add(again)
            again.add_done_callback(self._ending.discard)

    async def _end_again(self, *arguments: Any) -> None:
        await asyncio.sleep(AGAIN_S)
        with contextlib.suppress(RedisUnavailableError):
            await self._store.end(*arguments)

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
