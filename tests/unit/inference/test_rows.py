"""inference/batching/rows.py, with the real KV cache: what the cache holds of a row follows it."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.batching.rows import Rows
from inference.model.forward.slots import SlotCache
from inference.model.tensors import OutOfMemory

SLOTS, CAPACITY = 6, 8


@dataclass(eq=False)
class Row:
    in_lane: bool
    mark: int
    cached_tokens: int = 0
    uncached_tokens: int = 3
    known_tokens: int = 0
    has_begun: bool = False
    photo_ahead: None = None
    answer_tokens: int = 0
    job: Any = field(default_factory=lambda: SimpleNamespace(prompt=None))

    @property
    def readable_tokens(self) -> int:
        return self.uncached_tokens


def rows_and_cache() -> tuple[Any, SlotCache]:
    shape = SimpleNamespace(num_key_value_heads=1, head_dim=1, num_hidden_layers=2)
    cache = SlotCache(shape, SLOTS, CAPACITY, torch.float32, torch.device("cpu"))
    nothing_known = SimpleNamespace(load=lambda *_: 0)
    no_photos = SimpleNamespace(in_use=set())
    network: Any = SimpleNamespace(cache=cache, prefixes=nothing_known, vision=no_photos)
    return Rows(network), cache


def read(rows: Any, cache: SlotCache, row: Row, tokens: int) -> None:
    """As a pass does: the row's next tokens lie in the slot that is its place."""
    new = slice(row.cached_tokens, row.cached_tokens + tokens)
    cache.states[:, :, rows.place(row), :, new] = row.mark
    row.cached_tokens += tokens
    row.uncached_tokens -= tokens


def check(rows: Any, cache: SlotCache) -> None:
    for lanes in (rows.decoding, rows.prefilling):
        in_lane = [row.in_lane for row in lanes]
        assert in_lane == sorted(in_lane), "shoppers' rows stand before the lane's"
    for place, row in enumerate(rows):
        assert (cache.states[:, :, place, :, : row.cached_tokens] == row.mark).all()
    assert rows.shoppers == sum(not row.in_lane for row in rows)
    assert rows.shoppers_decoding == sum(not row.in_lane for row in rows.decoding)


step = st.tuples(
    st.sampled_from(["shopper", "lane", "lane", "part", "whole", "remove", "spoiled"]),
    st.integers(0, SLOTS - 1),
)


@given(st.lists(step, max_size=60))
def test_rows_of_both_lanes_keep_what_they_have_read(steps: list[tuple[str, int]]) -> None:
    rows, cache = rows_and_cache()
    for mark, (what, index) in enumerate(steps, 1):
        everybody = list(rows)
        if what in ("shopper", "lane"):
            if len(everybody) < SLOTS:
                rows.add(Row(what == "lane", mark))
        elif what == "part" and rows.prefilling:
            if rows.prefilling[0].uncached_tokens > 1:
                read(rows, cache, rows.prefilling[0], 1)
        elif what == "whole":
            for row, tokens in rows.plan(0, 6).reads:
                read(rows, cache, row, tokens)
                if row.uncached_tokens == 0:
                    rows.begin_decode(row)
        elif everybody:
            rows.remove(everybody[index % len(everybody)], spoiled=what == "spoiled")
        check(rows, cache)


def test_no_pass_reads_prompts_of_shoppers_and_of_the_lane() -> None:
    rows, _ = rows_and_cache()
    first, second, shopper = Row(True, 1), Row(True, 2), Row(False, 3)
    for row in (first, second, shopper):
        rows.add(row)
    assert rows.plan(0, 100).reads == [(shopper, 3)]
    rows.remove(shopper)
    # The shopper's took the place of the first one, which went to the end.
    assert rows.plan(0, 100).reads == [(second, 3), (first, 3)]
    assert rows.plan(0, 4).reads == [(second, 3), (first, 1)]


def test_what_is_the_lane_s_of_a_pass_is_told_by_its_tokens() -> None:
    rows, _ = rows_and_cache()
    for row in (Row(False, 1), Row(True, 2)):
        rows.add(row)
        rows.begin_decode(row)
    rows.add(Row(True, 3))
    assert rows.plan(2, 6).lane_share == 4 / 5
    assert rows.plan(1, 6).lane_share == 3 / 4
    assert rows.plan(1, 0).lane_share == 0
    assert rows.plan(0, 0).is_empty


def test_rows_that_take_each_other_s_places_free_what_can_be_read_again() -> None:
    """Where there is no memory for a copy."""
    rows, cache = rows_and_cache()
    line, shopper = Row(True, 1), Row(False, 2)
    rows.add(line)
    read(rows, cache, line, 3)
    rows.begin_decode(line)
    rows.add(shopper)
    read(rows, cache, shopper, 3)
    freed: list[bool] = []
    rows._network.release_memory = lambda: freed.append(True)
    copied = cache.read

    def without_memory(row: int, length: int) -> torch.Tensor:
        if not freed:
            raise OutOfMemory
        return copied(row, length)

    cache.read = without_memory  # type: ignore[method-assign]
    rows.begin_decode(shopper)
    assert freed
    assert [rows.place(row) for row in (shopper, line)] == [0, 1]
    assert [int(cache.states[0, 0, place, 0, 0]) for place in (0, 1)] == [2, 1]
