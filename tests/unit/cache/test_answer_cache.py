import json
from dataclasses import replace

import pytest

from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.cache.answers import AnswerCache, answer_name
from gateway.cache.key import AnswerKey
from gateway.cache.memory import MemoryStore

KEY = AnswerKey("n", "r", "p", "i", "q", (("user", "t"),), ("temperature=0",))
ANSWER = Delta("荔枝纹皮革", (TokenLogprob("荔".encode(), -0.5, (TokenLogprob(b"\xe8", -2.0),)),))
END = Finished("stop", Usage(10, 5))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(100_000)


@pytest.fixture
def answers(store: MemoryStore) -> AnswerCache:
    return AnswerCache(store, fresh_s=60, stale_s=60)


async def test_an_answer_comes_back_as_it_was(answers: AnswerCache) -> None:
    await answers.put(KEY, ANSWER, END, "1")
    found = await answers.get(KEY)
    assert found is not None
    assert (found.answer, found.end, found.policy_version) == (ANSWER, END, "1")


async def test_another_key_is_a_miss(answers: AnswerCache) -> None:
    await answers.put(KEY, ANSWER, END, "1")
    assert await answers.get(replace(KEY, image="j")) is None


async def test_a_value_stored_under_the_wrong_name_is_a_miss(
    answers: AnswerCache, store: MemoryStore
) -> None:
    other = replace(KEY, image="another photo")
    await answers.put(KEY, ANSWER, END, "1")
    value = await store.get(answer_name(KEY))
    assert value is not None
    await store.put(answer_name(other), value, 60)
    assert await answers.get(other) is None


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
async def test_a_truncated_value_is_a_miss(
    answers: AnswerCache, store: MemoryStore, cut: int
) -> None:
    await answers.put(KEY, ANSWER, END, "1")
    value = await store.get(answer_name(KEY))
    assert value is not None
    await store.put(answer_name(KEY), value[:cut], 60)
    assert await answers.get(KEY) is None


@pytest.mark.parametrize("name", ["key", "text", "finish_reason", "usage", "policy_version"])
async def test_a_value_that_lacks_a_field_is_a_miss(
    answers: AnswerCache, store: MemoryStore, name: str
) -> None:
    await answers.put(KEY, ANSWER, END, "1")
    fields = json.loads(await store.get(answer_name(KEY)) or b"")
    del fields[name]
    await store.put(answer_name(KEY), json.dumps(fields).encode(), 60)
    assert await answers.get(KEY) is None


async def test_the_memory_store_stays_within_its_bound_and_drops_the_oldest() -> None:
    store = MemoryStore(1000)
    for index in range(30):
        await store.put(str(index), b"x" * 100, 60)
        await store.get("0")  # keeps it young
    assert [bool(await store.get(str(index))) for index in (0, 5, 29)] == [True, False, True]
    assert store._size <= 1000


async def test_the_memory_store_forgets_after_the_ttl() -> None:
    store = MemoryStore(1000)
    await store.put("a", b"x", 0)
    assert await store.get("a") is None
    assert store._size == 0


async def test_an_answer_with_very_many_logprobs_is_not_kept(answers: AnswerCache) -> None:
    tokens = tuple(TokenLogprob(b"a", -0.5, (TokenLogprob(b"b", -2.0),) * 20) for _ in range(100))
    await answers.put(KEY, Delta("a" * 100, tokens), END, "1")
    assert await answers.get(KEY) is None
