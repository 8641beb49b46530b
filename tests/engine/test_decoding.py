"""inference/model/forward/decoding: passes of a few shapes, each recorded once. CUDA's graphs need
a GPU. A recording here is the pass itself, with the inputs of then, as a graph has them."""

import asyncio
from collections.abc import Iterator

import pytest
import torch

from inference.model.forward.decoding import Buckets, Run
from inference.model.model import Model
from inference.model.network import RowInput
from tests.engine.asks import SLOTS, Result, answered, ask, engine, mixed


class Recorder:
    def __init__(self) -> None:
        self.recorded = 0
        self.replayed = 0

    def __call__(self, run: Run) -> Run:
        self.recorded += 1
        output = run()

        def replay() -> torch.Tensor:
            self.replayed += 1
            output.copy_(run())
            return output

        return replay


@pytest.fixture
def buckets(model: Model) -> Iterator[Buckets]:
    cache = model.network.cache
    yield Buckets([2, SLOTS], [64, 128, 256, cache.capacity])
    model.network.decode_in(Buckets.exact(cache.slots, cache.capacity), None)


def test_shapes_are_rounded_up() -> None:
    buckets = Buckets.doubling(6, 1024)
    assert buckets == Buckets([1, 2, 4, 6], [256, 512, 1024])
    assert buckets.of(1, 1) == (1, 256)
    assert buckets.of(3, 256) == (4, 256)
    assert buckets.of(5, 257) == (6, 512)
    assert buckets.of(6, 1024) == (6, 1024)
    assert Buckets.doubling(1, 100) == Buckets([1], [100])
    assert Buckets.exact(8, 4096).of(3, 77) == (3, 77)


async def test_recorded_passes_give_the_very_tokens_of_generate(
    model: Model, expected: list[Result], buckets: Buckets
) -> None:
    recorder = Recorder()
    model.network.decode_in(buckets, recorder)
    # What fills a batch up writes to a column that nobody may read.
    model.network.cache.states[..., -1, :] = torch.nan
    asks = mixed(model, 32)
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected[:32]
    assert recorder.replayed > 50
    assert 2 < recorder.recorded <= len(buckets.rows) * len(buckets.keys)


def test_all_shapes_can_be_recorded_before_the_first_question(
    model: Model, buckets: Buckets
) -> None:
    recorder = Recorder()
    model.network.decode_in(buckets, recorder)
    assert model.network.record_all() == len(buckets.rows) * len(buckets.keys)
    assert not model.network.cache.states[..., :-1, :].any(), "no row's place was written to"
    prompt = ask(model, "what?").prompt
    for slots in range(1, SLOTS + 1):
        for start in (0, 63, 64, 200, model.network.cache.capacity - 1):
            model.network.forward([RowInput(prompt, [5], start, slot) for slot in range(slots)])
    assert recorder.recorded == len(buckets.rows) * len(buckets.keys)


async def test_where_nothing_can_be_recorded_passes_run_as_they_are(
    model: Model, expected: list[Result], buckets: Buckets, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_: Run) -> Run:
        raise RuntimeError("operation not permitted when stream is capturing")

    model.network.decode_in(buckets, failing)
    assert model.network.record_all() == 0
    asks = mixed(model, 8)
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected[:8]
    assert caplog.text.count("cannot be recorded") == 1


def test_a_pass_has_no_branch_that_depends_on_numbers(model: Model, buckets: Buckets) -> None:
    """torch traces it as one graph, so that it may be recorded for any numbers."""
    model.network.decode_in(buckets, None)
    decoder = model.network._decoder
    whole = torch.compile(decoder._pass, fullgraph=True, backend="eager")
    inputs = torch.tensor([[5, 6], [0, 3], [0, 3]])
    with torch.inference_mode():
        assert torch.equal(whole(inputs, 64), decoder._pass(inputs, 64))
