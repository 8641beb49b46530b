"""Who computes: the lease on a real Redis, step by step."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from contract.errors import DeadlineExceeded, InvalidSchema, Overloaded, ShopsightError
from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.answers import AnswerCache, name_of, read_answer
from gateway.cache.computation import SharedComputation
from gateway.cache.key import AnswerKey
from gateway.cache.lease import LEASE_MS, Leases
from gateway.cache.redis import RedisLink, RedisStore, RedisUnavailableError

KEY = AnswerKey("n", "r", "p", "i", "q", (), ())
LOGPROB = TokenLogprob("荔".encode(), -0.5, (TokenLogprob(b"\xe8", -2.0),))
WHOLE: list[AnswerPiece] = [
    Delta("荔", (LOGPROB,)),
    Delta("枝"),
    Finished("stop", Usage(7, 3), "a:1"),
]


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    made = RedisLink(redis_url, 2000)
    yield made
    await made.close()


@pytest.fixture
def leases(link: RedisLink) -> Leases:
    return Leases(link)


def computation(leases: Leases, *, take_stored: bool = True) -> tuple[SharedComputation, list[int]]:
    """A computation of WHOLE, and how often it has run."""
    runs: list[int] = []

    async def compute() -> AsyncGenerator[AnswerPiece]:
        runs.append(1)
        for event in WHOLE:
            yield event

    def stored(value: bytes) -> list[AnswerPiece] | None:
        cached = read_answer(value, KEY)
        return [cached.answer, cached.end] if cached else None

    options: dict[str, Any] = {"leases": leases, "key": KEY, "stored": stored, "deadline": 1e12}
    return SharedComputation(compute, take_stored=take_stored, **options), runs


async def heard(one: SharedComputation) -> list[AnswerPiece]:
    return [event async for event in one.events()]


async def test_the_first_leads_and_the_next_follow(leases: Leases) -> None:
    first, second = [await leases.claim(KEY.digest, name_of(KEY), True) for _ in range(2)]
    assert (first.state, second.state) == ("leading", "following")
    assert first.token == second.token
    assert not await leases.release_unless_followed(KEY.digest, first.token)
    await leases.publish(KEY.digest, first.token, [], end=True)
    third = await leases.claim(KEY.digest, name_of(KEY), True)
    assert third.state == "leading"
    assert await leases.release_unless_followed(KEY.digest, third.token)


async def test_events_arrive_as_they_were_told(leases: Leases) -> None:
    await leases.publish(KEY.digest, "t", WHOLE[:1], end=False)
    some, after, _ = await leases.read(KEY.digest, "t", "0")
    await leases.publish(KEY.digest, "t", WHOLE[1:], end=True)
    rest, _, alive = await leases.read(KEY.digest, "t", after)
    assert some + rest == WHOLE
    assert not alive
    await leases.publish(KEY.digest, "u", [DeadlineExceeded()], end=True)
    with pytest.raises(DeadlineExceeded):
        await leases.read(KEY.digest, "u", "0")


async def test_an_answer_stored_since_the_look_up_is_taken(link: RedisLink, leases: Leases) -> None:
    await AnswerCache(RedisStore(link), 60, 60).put(KEY, Delta("荔枝"), Finished("stop"), "1")
    one, runs = computation(leases)
    assert await heard(one) == [Delta("荔枝"), Finished("stop")]
    assert (one.outcome, runs) == ("hit", [])
    fresh, runs = computation(leases, take_stored=False)
    assert await heard(fresh) == WHOLE
    assert (fresh.outcome, runs) == ("miss", [1])


async def test_a_stored_value_that_will_not_do_is_computed_anew(
    link: RedisLink, leases: Leases
) -> None:
    await link.call("SET", name_of(KEY), b"poison")
    one, runs = computation(leases)
    assert await heard(one) == WHOLE
    assert (one.outcome, runs) == ("miss", [1])


async def test_a_lease_is_kept_while_nothing_is_said(leases: Leases) -> None:
    gone = asyncio.Event()

    async def compute() -> AsyncGenerator[AnswerPiece]:
        await gone.wait()
        yield Finished("stop")

    one, _ = computation(leases)
    one._compute = compute
    task = asyncio.create_task(heard(one))
    await asyncio.sleep(LEASE_MS / 1000 + 1)
    claim = await leases.claim(KEY.digest, name_of(KEY), True)
    gone.set()
    await task
    assert claim.state == "following"


async def test_a_redis_that_forgot_the_scripts_is_told_again(
    link: RedisLink, leases: Leases
) -> None:
    assert (await leases.claim(KEY.digest, name_of(KEY), True)).state == "leading"
    await link.call("SCRIPT", "FLUSH")
    assert (await leases.claim(KEY.digest, name_of(KEY), True)).state == "following"


async def test_without_redis_it_is_computed_here(leases: Leases) -> None:
    away = Leases(RedisLink("redis://127.0.0.1:9/0", 50))
    with pytest.raises(RedisUnavailableError):
        await away.claim(KEY.digest, name_of(KEY), True)
    one, runs = computation(away)
    assert await heard(one) == WHOLE
    assert (one.outcome, runs) == ("miss", [1])
    assert await one.may_cancel()


@pytest.mark.parametrize("error", [Overloaded.retried_after(17), InvalidSchema("response_format")])
async def test_an_error_of_the_leader_reaches_followers_whole(
    leases: Leases, error: ShopsightError
) -> None:
    claim = await leases.claim(KEY.digest, name_of(KEY), True)
    await leases.publish(KEY.digest, claim.token, [error], False)
    with pytest.raises(type(error)) as caught:
        await leases.read(KEY.digest, claim.token, "0")
    told = caught.value
    assert (told.param, told.retry_after_s) == (error.param, error.retry_after_s)
