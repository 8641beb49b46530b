"""For hits in a large cache: puts thousands of answers into Redis, and draws random questions that
they answer."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

from redis.asyncio import Redis

from contract.request import parse_completion
from contract.response import Delta, Finished, Usage
from contract.text.canonical import canonical_request
from gateway.cache.answers import AnswerWriter
from gateway.cache.key import answer_key
from gateway.identity.callers import ANONYMOUS_TENANT
from gateway.moderation.text import TextPolicy
from loadtest.closed_loop import ask_request, body_of
from loadtest.echo_replica import REVISION

BATCH = 2000


class PipelinedStore:
    """A store of answers that sends BATCH writes in one round trip."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url)
        self._pipeline = self._redis.pipeline(transaction=False)

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        self._pipeline.set(name, value, ex=ttl_s)
        if len(self._pipeline) >= BATCH:
            await self._pipeline.execute()

    async def close(self) -> None:
        await self._pipeline.execute()
        await self._redis.aclose()


def question(number: int) -> str:
    return f"第{number}个问题:这是真皮吗"


async def fill(url: str, image: str, first: int, last: int) -> None:
    """Store the answers to questions `first` to `last` about the photo with the digest `image`."""
    answers = AnswerWriter(PipelinedStore(url), fresh_s=86_400, stale_s=86_400)
    version = TextPolicy.load().version
    asked = parse_completion(body_of(ask_request("img_" + "0" * 32, "?")))
    for number in range(first, last):
        turn = replace(asked.turns[0], text=question(number))
        canonical = canonical_request(replace(asked, turns=(turn,)))
        key = answer_key(canonical, image, REVISION, ANONYMOUS_TENANT)
        answer = Delta(f"看起来是荔枝纹皮革质感,简洁耐看,适合送给妈妈。第{number}个回答。")
        await answers.put(key, answer, Finished("stop", Usage(80, 24)), version)
        if number % BATCH == 0:
            await asyncio.sleep(0)
    await answers.close()


def random_requests(count: int, upload: str, cookie: str) -> Iterator[bytes]:
    """Endless requests whose answers are stored, in random order."""
    while True:
        yield ask_request(upload, question(random.randrange(count)), cookie)
