"""What is kept for requests that are sent again: for how long, and how much of it."""

import time

from gateway.cache.retries import (
    BEGUN_S,
    KEPT_S,
    MAX_A_CALLER,
    MAX_BYTES,
    MAX_CALLERS,
    MAX_MEMORY_BYTES,
    MemoryRetryStore,
    Retries,
)


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def begun(retries: Retries, key: str) -> bytes:
    earlier = await retries.begin("c", key, "f")
    assert earlier.state == "begun"
    return earlier.begun


async def state(retries: Retries, key: str, fingerprint: str = "f", caller: str = "c") -> str:
    return (await retries.begin(caller, key, fingerprint)).state


async def test_it_is_kept_for_its_time_and_then_done_anew() -> None:
    clock = Clock()
    retries = Retries(MemoryRetryStore(clock), "s", 30_000)
    mark = await begun(retries, "k")
    assert await state(retries, "k") == "under way"
    await retries.keep("c", "k", mark, b"an answer:1")
    earlier = await retries.begin("c", "k", "f")
    assert (earlier.state, earlier.answer) == ("answered", b"an answer:1")
    assert await state(retries, "k", "g") == "another"
    clock.ahead = KEPT_S + 1
    assert await state(retries, "k", "g") == "begun"


async def test_one_whose_gateway_has_died_may_be_sent_again() -> None:
    clock = Clock()
    retries = Retries(MemoryRetryStore(clock), "s", 110_000)
    await state(retries, "k")
    clock.ahead = 110
    assert await state(retries, "k") == "under way", "it has until its deadline"
    clock.ahead += BEGUN_S + 1
    assert await state(retries, "k") == "begun"


async def test_of_a_caller_and_of_callers_so_many_are_kept() -> None:
    store = MemoryRetryStore()
    retries = Retries(store, "s", 30_000)
    states = [await state(retries, str(number)) for number in range(MAX_A_CALLER + 1)]
    assert states == ["begun"] * MAX_A_CALLER + ["unknown"]
    for number in range(MAX_CALLERS + 10):
        await state(retries, "k", caller=str(number))
    assert len(store._callers) == MAX_CALLERS


async def test_so_many_bytes_are_kept_and_the_longest_unused_go_first() -> None:
    store = MemoryRetryStore()
    retries = Retries(store, "s", 30_000)
    some = MAX_MEMORY_BYTES // MAX_BYTES + 50
    assert some < MAX_CALLERS
    for number in range(some):
        mark = (await retries.begin(str(number), "k", "f")).begun
        await retries.keep(str(number), "k", mark, b"x" * MAX_BYTES)
    kept = [value for fields in store._callers.values() for value in fields.values()]
    assert MAX_MEMORY_BYTES - 2 * MAX_BYTES < sum(map(len, kept)) <= MAX_MEMORY_BYTES
    assert await state(retries, "k", caller=str(some - 1)) == "answered"
    failed = await retries.begin("0", "k", "f")
    assert failed.state == "begun"
    await retries.drop("0", "k", failed.begun)
    for number in range(some):
        await retries.forget(str(number))
    assert (store._size, len(store._callers)) == (0, 0)


async def test_a_very_long_answer_is_not_kept() -> None:
    retries = Retries(MemoryRetryStore(), "s", 30_000)
    await retries.keep("c", "k", await begun(retries, "k"), b"x" * (MAX_BYTES + 1))
    assert await state(retries, "k") == "begun"


async def test_with_another_secret_nothing_is_read() -> None:
    store = MemoryRetryStore()
    ours, theirs = Retries(store, "s", 30_000), Retries(store, "t", 30_000)
    await ours.keep("c", "k", await begun(ours, "k"), b"an answer")
    assert b"an answer" not in repr(store._callers).encode()
    store._callers[theirs._name("c")] = {
        theirs._field("k"): next(iter(store._callers[ours._name("c")].values()))
    }
    assert await state(theirs, "k") == "unknown"
