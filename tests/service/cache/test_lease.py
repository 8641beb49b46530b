"""Who computes: the lease on a real Redis, step by step."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from contract.errors import DeadlineExceeded, InvalidSchema, Overloaded, ShopsightError
from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.answers import AnswerCache, answer_name, read_answer
from gateway.cache.computation import SharedComputation
from gateway.cache.key import AnswerKey
from gateway.cache.lease import LEASE_MS, Claim, Leases
from gateway.cache.redis import RedisClient, RedisStore, RedisUnavailableError

KEY = AnswerKey("n", "r", "p", "i", "q", (), ())
LOGPROB = TokenLogprob("荔".encode(), -0.5, (TokenLogprob(b"\xe8", -2.0),))
WHOLE: list[AnswerPiece] = [
    Delta("荔", (LOGPROB,)),
    Delta("枝"),
    Finished("stop", Usage(7, 3), "a:1"),
]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    made = RedisClient(redis_url, 2000)
    yield made
    await made.close()


@pytest.fixture
def leases(client: RedisClient) -> Leases:
    return Leases(client)


def computation(
    leases: Leases, *, accept_stored: bool = True
) -> tuple[SharedComputation, list[int]]:
    """A computation of WHOLE, and how often it has run."""
    runs: list[int] = []

    async def compute() -> AsyncGenerator[AnswerPiece]:
        runs.append(1)
        for piece in WHOLE:
            yield piece

    def stored(value: bytes) -> list[AnswerPiece] | None:
        cached = read_answer(value, KEY)
        return [cached.answer, cached.end] if cached else None

    options: dict[str, Any] = {
        "leases": leases,
        "key": KEY,
        "read_stored": stored,
        "deadline": 1e12,
    }
    return SharedComputation(compute, accept_stored=accept_stored, **options), runs


async def pieces_of(one: SharedComputation) -> list[AnswerPiece]:
    return [piece async for piece in one.pieces()]


async def test_the_first_leads_and_the_next_follow(leases: Leases) -> None:
    first, second = [await leases.claim(KEY.digest, answer_name(KEY), True) for _ in range(2)]
    assert (first.state, second.state) == ("leading", "following")
    assert first.token == second.token
    assert not await leases.release_unless_followed(KEY.digest, first.token)
    await leases.publish(KEY.digest, first.token, [], before=0, end=True)
    third = await leases.claim(KEY.digest, answer_name(KEY), True)
    assert third.state == "leading"
    assert await leases.release_unless_followed(KEY.digest, third.token)


async def test_pieces_arrive_as_they_were_published(leases: Leases) -> None:
    await leases.publish(KEY.digest, "t", WHOLE[:1], before=0, end=False)
    some, after, _ = await leases.read(KEY.digest, "t", "0")
    await leases.publish(KEY.digest, "t", WHOLE[1:], before=1, end=True)
    rest, _, alive = await leases.read(KEY.digest, "t", after)
    assert some + rest == WHOLE
    assert not alive
    await leases.publish(KEY.digest, "u", [DeadlineExceeded()], before=0, end=True)
    with pytest.raises(DeadlineExceeded):
        await leases.read(KEY.digest, "u", "0")


async def test_an_answer_stored_since_the_look_up_is_taken(
    client: RedisClient, leases: Leases
) -> None:
    await AnswerCache(RedisStore(client), 60, 60).put(KEY, Delta("荔枝"), Finished("stop"), "1")
    one, runs = computation(leases)
    assert await pieces_of(one) == [Delta("荔枝"), Finished("stop")]
    assert (one.outcome, runs) == ("hit", [])
    fresh, runs = computation(leases, accept_stored=False)
    assert await pieces_of(fresh) == WHOLE
    assert (fresh.outcome, runs) == ("miss", [1])


async def test_a_stored_value_that_will_not_do_is_computed_anew(
    client: RedisClient, leases: Leases
) -> None:
    await client.call("SET", answer_name(KEY), b"poison")
    one, runs = computation(leases)
    assert await pieces_of(one) == WHOLE
    assert (one.outcome, runs) == ("miss", [1])


async def test_a_lease_is_kept_while_nothing_is_said(leases: Leases) -> None:
    gone = asyncio.Event()

    async def compute() -> AsyncGenerator[AnswerPiece]:
        await gone.wait()
        yield Finished("stop")

    one, _ = computation(leases)
    one._compute = compute
    task = asyncio.create_task(pieces_of(one))
    await asyncio.sleep(LEASE_MS / 1000 + 1)
    claim = await leases.claim(KEY.digest, answer_name(KEY), True)
    gone.set()
    await task
    assert claim.state == "following"


async def test_a_redis_that_forgot_the_scripts_is_told_again(
    client: RedisClient, leases: Leases
) -> None:
    assert (await leases.claim(KEY.digest, answer_name(KEY), True)).state == "leading"
    await client.call("SCRIPT", "FLUSH")
    assert (await leases.claim(KEY.digest, answer_name(KEY), True)).state == "following"


async def test_without_redis_it_is_computed_here(leases: Leases) -> None:
    away = Leases(RedisClient("redis://127.0.0.1:9/0", 50))
    with pytest.raises(RedisUnavailableError):
        await away.claim(KEY.digest, answer_name(KEY), True)
    one, runs = computation(away)
    assert await pieces_of(one) == WHOLE
    assert (one.outcome, runs) == ("miss", [1])
    assert await one.may_cancel()


async def test_who_follows_is_not_led_past_pieces_that_redis_refused(client: RedisClient) -> None:
    refused, joined = asyncio.Event(), asyncio.Event()

    class RefusedOnce(Leases):
        async def publish(self, digest: str, token: str, pieces: Any, **options: Any) -> bool:
            if pieces and not refused.is_set():
                refused.set()
                raise RedisUnavailableError
            return await super().publish(digest, token, pieces, **options)

    class Noted(Leases):
        async def claim(self, *told: Any) -> Claim:
            claim = await super().claim(*told)
            joined.set()
            return claim

    async def compute() -> AsyncGenerator[AnswerPiece]:
        yield Delta("荔")
        await joined.wait()
        yield Delta("枝")
        yield Finished("stop")

    leader, _ = computation(RefusedOnce(client), accept_stored=False)
    follower, _ = computation(Noted(client), accept_stored=False)
    leader._compute = follower._compute = compute
    leading = asyncio.create_task(pieces_of(leader))
    await refused.wait()
    following = asyncio.create_task(pieces_of(follower))
    assert await following == await leading == [Delta("荔"), Delta("枝"), Finished("stop")]


async def test_a_lease_ends_whose_pieces_were_evicted(client: RedisClient, leases: Leases) -> None:
    claim = await leases.claim(KEY.digest, answer_name(KEY), True)
    assert await leases.publish(KEY.digest, claim.token, WHOLE[:1], before=0, end=False)
    await leases.delete_streams({KEY.digest})
    assert not await leases.publish(KEY.digest, claim.token, [], before=1, end=False)
    assert await leases.read(KEY.digest, claim.token, "0") == ([], "0", False)


@pytest.mark.parametrize("error", [Overloaded.retried_after(17), InvalidSchema("response_format")])
async def test_an_error_of_the_leader_reaches_followers_whole(
    leases: Leases, error: ShopsightError
) -> None:
    claim = await leases.claim(KEY.digest, answer_name(KEY), True)
    await leases.publish(KEY.digest, claim.token, [error], before=0, end=False)
    with pytest.raises(type(error)) as caught:
        await leases.read(KEY.digest, claim.token, "0")
    told = caught.value
    assert (told.param, told.retry_after_s) == (error.param, error.retry_after_s)
