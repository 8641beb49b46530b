"""inference/batching/rows.py, with the real KV cache: what the cache holds of a row follows it."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.batching.rows import Rows
from inference.model.slots import SlotCache

SLOTS, CAPACITY = 6, 8


@dataclass(eq=False)
class Row:
    in_lane: bool
    mark: int
    cached_tokens: int = 0
    uncached_tokens: int = 3
    known_tokens: int = 0
    has_begun: bool = False
    job: Any = field(default_factory=lambda: SimpleNamespace(prompt=None))


def rows_and_cache() -> tuple[Any, SlotCache]:
    shape = SimpleNamespace(num_key_value_heads=1, head_dim=1, num_hidden_layers=2)
    cache = SlotCache(shape, SLOTS, CAPACITY, torch.float32, torch.device("cpu"))
    nothing_known = SimpleNamespace(load=lambda *_: 0)
    network: Any = SimpleNamespace(cache=cache, prefixes=nothing_known)
    return Rows(network), cache


def read(rows: Any, cache: SlotCache, row: Row, tokens: int) -> None:
    """As a pass does: the row's next tokens lie in the slot that is its place."""
    for store in (*cache._keys, *cache._values):
        store[rows.place(row), :, row.cached_tokens : row.cached_tokens + tokens] = row.mark
    row.cached_tokens += tokens
    row.uncached_tokens -= tokens


def check(rows: Any, cache: SlotCache) -> None:
    for lanes in (rows.decoding, rows.prefilling):
        in_lane = [row.in_lane for row in lanes]
        assert in_lane == sorted(in_lane), "shoppers' rows stand before the lane's"
    for place, row in enumerate(rows):
        for store in (*cache._keys, *cache._values):
            assert (store[place, 0, : row.cached_tokens, 0] == row.mark).all()
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
            for row in rows.next_prefill(6)[0]:
                read(rows, cache, row, row.uncached_tokens)
                rows.begin_decode(row)
        elif everybody:
            rows.remove(everybody[index % len(everybody)], spoiled=what == "spoiled")
        check(rows, cache)


def test_no_pass_reads_prompts_of_shoppers_and_of_the_lane() -> None:
    rows, _ = rows_and_cache()
    first, second, shopper = Row(True, 1), Row(True, 2), Row(False, 3)
    for row in (first, second, shopper):
        rows.add(row)
    assert rows.next_prefill(100)[0] == [shopper]
    rows.remove(shopper)
    # The shopper's took the place of the first one, which went to the end.
    assert rows.next_prefill(100)[0] == [second, first]
