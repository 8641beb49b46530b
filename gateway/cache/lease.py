"""Who computes an answer, agreed between gateways: a lease in Redis with its holder's token, and
the holder's events in a Redis stream for everybody else."""

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
from gateway.cache.redis import RedisLink, RedisUnavailableError

PREFIX = "shopsight:flight"
# A holder renews its lease after a third of this; when it dies, another leads so much later.
LEASE_MS = 3000
# The events outlive their flight by this, for followers that are a poll behind.
EVENTS_TTL_S = 60

# KEYS: answer, lease. ARGV: token, ms, whether an answer that is already there will do.
CLAIM = """
if ARGV[3] == '1' then
  local answer = redis.call('GET', KEYS[1])
  if answer then return {'answered', answer} end
end
if redis.call('HSETNX', KEYS[2], 'holder', ARGV[1]) == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {'leading', ARGV[1]}
end
redis.call('HINCRBY', KEYS[2], 'followers', 1)
return {'following', redis.call('HGET', KEYS[2], 'holder')}
"""
# KEYS: lease, stream. ARGV: token, lease ms, whether this is the end, seconds to live, events.
# Publishing renews the lease; the end lets go of it in the same breath.
PUBLISH = """
for index = 5, #ARGV do redis.call('XADD', KEYS[2], '*', 'e', ARGV[index]) end
if #ARGV > 4 then redis.call('EXPIRE', KEYS[2], ARGV[4]) end
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# KEYS: lease. ARGV: token.
RELEASE_UNLESS_FOLLOWED = """
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 1 end
if redis.call('HEXISTS', KEYS[1], 'followers') == 1 then return 0 end
return redis.call('DEL', KEYS[1])
"""


@dataclass(frozen=True)
class Claim:
    """`answered`: `value` is the answer that was stored meanwhile. `leading`, `following`: `token`
    is the holder's."""

    state: Literal["answered", "leading", "following"]
    value: bytes = b""

    @property
    def token(self) -> str:
        return self.value.decode()


class Leases:
    """Every method raises RedisUnavailableError."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._loaded: set[str] = set()

    async def claim(self, digest: str, answer_name: str, take_stored: bool) -> Claim:
        token, names = uuid.uuid4().hex, (answer_name, _lease(digest))
        state, value = await self._run(CLAIM, names, token, LEASE_MS, int(take_stored))
        return Claim(state.decode(), value)

    async def publish(
        self, digest: str, token: str, events: list[AnswerPiece | ShopsightError], end: bool
    ) -> None:
        """Tell followers, none or more events, and keep the lease; at the end let go of it."""
        keys = _lease(digest), _stream(digest, token)
        encoded = [_encode(event) for event in events]
        await self._run(PUBLISH, keys, token, LEASE_MS, int(end), EVENTS_TTL_S, *encoded)

    async def release_unless_followed(self, digest: str, token: str) -> bool:
        """Whether nobody in another gateway follows; then the lease is gone."""
        return bool(await self._run(RELEASE_UNLESS_FOLLOWED, (_lease(digest),), token))

    async def read(
        self, digest: str, token: str, after: str
    ) -> tuple[list[AnswerPiece], str, bool]:
        """The events after the id `after`, the last one's id, and whether the holder still lives.
        Raises the error that the flight ended with."""
        # One round trip, the lease first: what a holder tells before it lets go is never missed.
        holder, entries = await asyncio.gather(
            self._link.call("HGET", _lease(digest), "holder"),
            self._link.call("XRANGE", _stream(digest, token), f"({after}", "+"),
        )
        events = [_decode(_field(entry)) for entry in entries]
        last = entries[-1][0].decode() if entries else after
        return events, last, holder == token.encode()

    async def forget(self, digests: Collection[str]) -> None:
        """The events of flights that are over, or nearly: they outlive those by EVENTS_TTL_S."""
        if not digests:
            return
        names = await self._link.scan(f"{PREFIX}:*:*")
        told = [name for name in names if name.decode().split(":")[2] in digests]
        if told:
            await self._link.call("UNLINK", *told)

    async def _run(self, script: str, keys: tuple[str, ...], *args: Any) -> Any:
        """EVALSHA; the script's text only the first time, and after Redis has lost it."""
        sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        if sha in self._loaded:
            try:
                return await self._link.call("EVALSHA", sha, len(keys), *keys, *args)
            except RedisUnavailableError as error:
                if not error.script_unknown:
                    raise
        reply = await self._link.call("EVAL", script, len(keys), *keys, *args)
        self._loaded.add(sha)
        return reply


def _lease(digest: str) -> str:
    return f"{PREFIX}:{digest}"


def _stream(digest: str, token: str) -> str:
    return f"{PREFIX}:{digest}:{token}"


def _encode(event: AnswerPiece | ShopsightError) -> bytes:
    if isinstance(event, Delta):
        value: dict[str, Any] = {"text": event.text}
        if event.logprobs:
            value["logprobs"] = [token.wire() for token in event.logprobs]
    elif isinstance(event, Finished):
        usage = asdict(event.usage)
        value = {"finish_reason": event.reason, "usage": usage, "replica": event.replica}
    else:
        value = {"error": event.code, "param": event.param, "retry_after_s": event.retry_after_s}
    return json.dumps(value, ensure_ascii=False).encode()


def _field(entry: Any) -> bytes:
    fields = entry[1]
    value: bytes = fields[b"e"] if isinstance(fields, dict) else fields[1]
    return value


def _decode(data: bytes) -> AnswerPiece:
    """Raises the error that it tells of; ReplicaFailed for what is no event."""
    try:
        value = json.loads(data)
        if "error" in value:
            raise _error(value)
        if "text" in value:
            logprobs = tuple(map(TokenLogprob.read, value.get("logprobs", ())))
            return Delta(value["text"], logprobs)
        return Finished(value["finish_reason"], Usage(**value["usage"]), value.get("replica"))
    except (ValueError, LookupError, TypeError):
        raise ReplicaFailed from None


def _error(value: dict[str, Any]) -> ShopsightError:
    error = _errors(ShopsightError)[value["error"]]().at(value.get("param"))
    error.retry_after_s = value.get("retry_after_s", error.retry_after_s)
    return error


def _errors(parent: type[ShopsightError]) -> dict[str, type[ShopsightError]]:
    """By code, those that have none below them."""
    below = [_errors(child) for child in parent.__subclasses__()]
    return {code: error for found in below for code, error in found.items()} or {
        parent.code: parent
    }
