"""Answers kept by their key. The value repeats the key's fields: what does not match is a miss."""

import json
import random
import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.key import AnswerKey

PREFIX = "shopsight:answer:"
# Lives are spread by this part of the TTL, so that answers stored together do not expire together.
TTL_JITTER = 0.1


class Store(Protocol):
    """Bytes by name. An outage is a miss, never an error."""

    async def get(self, name: str) -> bytes | None: ...
    async def put(self, name: str, value: bytes, ttl_s: int) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class CachedAnswer:
    answer: Delta
    end: Finished
    policy_version: str
    stored_at: float


class AnswerCache:
    def __init__(self, store: Store, ttl_s: int) -> None:
        self._store = store
        self._ttl_s = ttl_s

    async def get(self, key: AnswerKey) -> CachedAnswer | None:
        value = await self._store.get(PREFIX + key.digest)
        return None if value is None else _read(value, key)

    async def put(self, key: AnswerKey, answer: Delta, end: Finished, policy_version: str) -> None:
        value = {
            "key": asdict(key),
            "text": answer.text,
            "logprobs": [token.wire() for token in answer.logprobs],
            "finish_reason": end.reason,
            "usage": asdict(end.usage),
            "policy_version": policy_version,
            "stored_at": round(time.time(), 3),
        }
        data = json.dumps(value, ensure_ascii=False).encode()
        ttl_s = round(self._ttl_s * random.uniform(1 - TTL_JITTER, 1 + TTL_JITTER))  # noqa: S311
        await self._store.put(PREFIX + key.digest, data, ttl_s)

    async def close(self) -> None:
        await self._store.close()


def _read(value: bytes, key: AnswerKey) -> CachedAnswer | None:
    """None for anything that is not exactly an answer to this key."""
    try:
        fields: dict[str, Any] = json.loads(value)
        if fields["key"] != json.loads(json.dumps(asdict(key))):
            return None
        return CachedAnswer(
            answer=Delta(fields["text"], tuple(map(TokenLogprob.read, fields["logprobs"]))),
            end=Finished(fields["finish_reason"], Usage(**fields["usage"])),
            policy_version=fields["policy_version"],
            stored_at=fields["stored_at"],
        )
    except (ValueError, KeyError, TypeError):
        return None
