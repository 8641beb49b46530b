"""Leases in Redis, by which gateways agree on who computes an answer. A lease stores its holder's
token. The holder publishes its pieces in a Redis stream, for gateways that follow."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

from contract.errors import ReplicaFailed, ShopsightError
from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.redis import RedisClient, RedisUnavailableError

# Raised with the form of what is published, as the prefix of answers is.
PREFIX = "shopsight:flight3"
OLD_PREFIXES = ("shopsight:flight2", "shopsight:flight")
# A holder renews its lease after a third of this time. If it dies, another gateway can lead once
# the lease has expired.
LEASE_MS = 3000
# Pieces stay so long after the last one was published, for followers that have not read them yet.
PIECES_TTL_S = 60

# KEYS: answer, lease. ARGV: token, lease in ms, whether a stored answer is accepted (1 or 0).
CLAIM = """
if ARGV[3] == '1' then
  local answer = redis.call('GET', KEYS[1])
  if answer then return {'answered', answer} end
end
if redis.call('HEXISTS', KEYS[2], 'alone') == 1 then return {'alone', ''} end
if redis.call('HSETNX', KEYS[2], 'holder', ARGV[1]) == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {'leading', ARGV[1]}
end
redis.call('HINCRBY', KEYS[2], 'followers', 1)
return {'following', redis.call('HGET', KEYS[2], 'holder')}
"""
# KEYS: lease, stream. ARGV: token, lease in ms, whether this is the end (1 or 0), TTL of the stream
# in s, how many pieces were published before, pieces. Publishing renews the lease. The end releases
# it in the same step, and so does a stream that lacks pieces: Redis has refused or evicted them, or
# lost them with a master. Nobody may read on past them.
PUBLISH = """
local whole = redis.call('XLEN', KEYS[2]) == tonumber(ARGV[5])
if whole and #ARGV > 5 then
  for index = 6, #ARGV do redis.call('XADD', KEYS[2], '*', 'e', ARGV[index]) end
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if whole and ARGV[3] == '0' then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('DEL', KEYS[1])
return 0
"""
# KEYS: lease. ARGV: token.
RELEASE_UNLESS_FOLLOWED = """
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 1 end
if redis.call('HEXISTS', KEYS[1], 'followers') == 1 then return 0 end
return redis.call('DEL', KEYS[1])
"""
# KEYS: lease, stream. ARGV: token, seconds. Who claims the lease meanwhile computes for itself.
WITHHOLD = """
redis.call('UNLINK', KEYS[2])
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'alone', 1)
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True)
class Claim:
    """In state `answered`, `value` is the stored answer. In `leading` and `following`, it is the
    token of the lease's holder. `alone`: the answer to this question is not shared."""

    state: Literal["answered", "leading", "following", "alone"]
    value: bytes = b""

    @property
    def token(self) -> str:
        return self.value.decode()


class Leases:
    """`digest` is always that of an AnswerKey. Methods raise RedisUnavailableError."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._loaded: set[str] = set()

    async def claim(self, digest: str, answer_name: str, accept_stored: bool) -> Claim:
        """Take the lease, or join its holder's followers. With `accept_stored` it first looks for
        an answer under `answer_name`."""
        token, names = uuid.uuid4().hex, (answer_name, _lease(digest))
        state, value = await self._run(CLAIM, names, token, LEASE_MS, int(accept_stored))
        return Claim(state.decode(), value)

    async def publish(
        self,
        digest: str,
        token: str,
        pieces: list[AnswerPiece | ShopsightError],
        *,
        before: int,
        end: bool,
    ) -> bool:
        """Append pieces, none or more, to the stream, which has those `before` them. Renews the
        lease; `end` releases it. Returns whether the lease is still held: else nobody follows."""
        keys = _lease(digest), _stream(digest, token)
        encoded = [_encode(piece) for piece in pieces]
        numbers = LEASE_MS, int(end), PIECES_TTL_S, before
        return bool(await self._run(PUBLISH, keys, token, *numbers, *encoded))

    async def withhold(self, digest: str, token: str) -> None:
        """Delete what was published of an answer that names a person, and release the lease."""
        keys = _lease(digest), _stream(digest, token)
        await self._run(WITHHOLD, keys, token, PIECES_TTL_S)

    async def release_unless_followed(self, digest: str, token: str) -> bool:
        """Release the lease if no other gateway follows. Returns False if one does."""
        return bool(await self._run(RELEASE_UNLESS_FOLLOWED, (_lease(digest),), token))

    async def read(
        self, digest: str, token: str, last_id: str
    ) -> tuple[list[AnswerPiece], str, bool]:
        """Returns the pieces after the stream id `last_id`, the new last id, and whether the holder
        still has the lease. Raises the error that ended the computation."""
        # One round trip, and the lease is read first: so the pieces that a holder publishes before
        # it releases the lease are never missed.
        holder, entries = await asyncio.gather(
            self._client.call("HGET", _lease(digest), "holder"),
            self._client.call("XRANGE", _stream(digest, token), f"({last_id}", "+"),
        )
        pieces = [_decode(_field(entry)) for entry in entries]
        last_id = entries[-1][0].decode() if entries else last_id
        return pieces, last_id, holder == token.encode()

    async def delete_streams(self, digests: Collection[str]) -> None:
        """Delete published pieces. They stay for PIECES_TTL_S after the computation has ended."""
        if not digests:
            return
        for prefix in (PREFIX, *OLD_PREFIXES):
            names = await self._client.scan(f"{prefix}:*:*")
            streams = [name for name in names if name.decode().split(":")[2].strip("{}") in digests]
            await self._client.delete(streams)

    async def delete_old_forms(self) -> int:
        """Returns how many leases and streams there were."""
        return sum([await self._client.delete_matching(f"{old}:*") for old in OLD_PREFIXES])

    async def _run(self, script: str, keys: tuple[str, ...], *args: Any) -> Any:
        """Run a script with EVALSHA. Its text is sent only if Redis does not know it yet."""
        sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        if sha in self._loaded:
            try:
                return await self._client.call("EVALSHA", sha, len(keys), *keys, *args)
            except RedisUnavailableError as error:
                if not error.script_unknown:
                    raise
        reply = await self._client.call("EVAL", script, len(keys), *keys, *args)
        self._loaded.add(sha)
        return reply


def _lease(digest: str) -> str:
    """Its hash tag is that of the answer: a script may touch both in a Redis Cluster."""
    return f"{PREFIX}:{{{digest}}}"


def _stream(digest: str, token: str) -> str:
    return f"{PREFIX}:{{{digest}}}:{token}"


def _encode(piece: AnswerPiece | ShopsightError) -> bytes:
    if isinstance(piece, Delta):
        value: dict[str, Any] = {"text": piece.text}
        if piece.logprobs:
            value["logprobs"] = [token.wire() for token in piece.logprobs]
    elif isinstance(piece, Finished):
        usage = asdict(piece.usage)
        value = {"finish_reason": piece.reason, "usage": usage, "replica": piece.replica}
        if piece.moderation:
            value["moderation"] = piece.moderation
    else:
        value = {"error": piece.code, "param": piece.param, "retry_after_s": piece.retry_after_s}
    return json.dumps(value, ensure_ascii=False).encode()


def _field(entry: Any) -> bytes:
    """The encoded piece in an entry of a Redis stream."""
    fields = entry[1]
    value: bytes = fields[b"e"] if isinstance(fields, dict) else fields[1]
    return value


def _decode(data: bytes) -> AnswerPiece:
    """Raises the error that was published instead of a piece; ReplicaFailed for invalid data."""
    try:
        value = json.loads(data)
        if "error" in value:
            raise _error(value)
        if "text" in value:
            logprobs = tuple(map(TokenLogprob.read, value.get("logprobs", ())))
            return Delta(value["text"], logprobs)
        return Finished(
            value["finish_reason"],
            Usage(**value["usage"]),
            value.get("replica"),
            value.get("moderation"),
        )
    except (ValueError, LookupError, TypeError):
        raise ReplicaFailed from None


def _error(value: dict[str, Any]) -> ShopsightError:
    error = _errors(ShopsightError)[value["error"]]().at(value.get("param"))
    error.retry_after_s = value.get("retry_after_s", error.retry_after_s)
    return error


def _errors(parent: type[ShopsightError]) -> dict[str, type[ShopsightError]]:
    """The errors that have a code of their own, by it."""
    own = {parent.code: parent} if "code" in vars(parent) else {}
    below = [_errors(child) for child in parent.__subclasses__()]
    return {**own, **{code: error for errors in below for code, error in errors.items()}}
