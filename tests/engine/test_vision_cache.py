"""inference/model/vision.py: what is kept of the photos that were seen."""

import asyncio

import pytest
import torch

from inference.model.model import Model
from inference.model.vision import Features, VisionCache
from tests.engine.asks import answered, ask, engine


def features(tokens: int) -> Features:
    """Of 8B in 16 bits: the tokens themselves, and what DeepStack adds to three layers."""
    each = torch.zeros(tokens, 4096, dtype=torch.bfloat16)
    return Features(each, (each, each, each))


def test_deepstack_counts() -> None:
    assert features(1024).bytes == 4 * 1024 * 4096 * 2 == 33_554_432


def test_the_least_recently_used_go_first() -> None:
    cache = VisionCache(2 * features(8).bytes)
    for key in ("a", "b"):
        cache.put(key, features(8))
    assert cache.get("a")
    cache.put("c", features(8))
    assert cache.get("b") is None
    assert cache.get("a")
    assert cache.get("c")
    assert cache.bytes == 2 * features(8).bytes


def test_what_is_larger_than_the_cache_stays_until_the_next() -> None:
    cache = VisionCache(features(8).bytes)
    cache.put("large", features(9))
    assert cache.get("large")
    cache.put("small", features(8))
    assert cache.get("large") is None
    assert cache.bytes == features(8).bytes


async def test_a_photo_that_is_read_in_parts_is_looked_at_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.network, "vision", VisionCache(1))
    asks = [ask(model, f"what {n}?", n, max_tokens=2) for n in range(3)]
    with engine(model, prefill_tokens=8) as running:
        await asyncio.gather(*(answered(running, model, asked) for asked in asks))
        lookups = running._metrics.vision_lookups
        assert lookups.labels("miss")._value.get() == 3
        assert lookups.labels("hit")._value.get() == 0, "nobody asked of a photo again"
