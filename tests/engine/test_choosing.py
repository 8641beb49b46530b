"""inference/model/choosing: the next tokens are chosen on the device, and only they leave it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from contract.completion import Sampling
from contract.errors import InvalidSchema
from contract.schema import FIELD
from inference.model.choosing import grammar as grammars
from inference.model.choosing.chooser import choose, packed
from inference.model.choosing.grammar import Grammar
from inference.model.choosing.sampler import Sampler
from inference.model.model import Model
from tests.engine.asks import SCHEMA, Result, answered, ask, engine, mixed
from tests.support.fake_gpu import DEVICE, FakeGpu

ROWS, VOCABULARY = 16, 151_936
MOST_BYTES_A_ROW = 16
KINDS: list[dict[str, Any]] = [
    {},
    {"repetition_penalty": 1.3},
    {"temperature": 0.7, "seed": 1},
    {"temperature": 1.2, "seed": 2, "top_p": 0.9, "top_k": 40},
    {"temperature": 1.0, "repetition_penalty": 1.1},
]


def samplers(**more: Any) -> list[Sampler]:
    return [
        Sampler(Sampling(**KINDS[row % len(KINDS)], **more), [1, 2, 3], None) for row in range(ROWS)
    ]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    # There is no generator for a GPU without one, and no numbers to draw.
    monkeypatch.setattr(Sampler, "_generator_on", lambda *_: None)
    grammars._bits_of_byte.cache_clear()
    with FakeGpu() as fake:
        yield fake
    grammars._bits_of_byte.cache_clear()


def test_only_the_tokens_leave_the_device(gpu: FakeGpu) -> None:
    on_device, errors = packed(torch.randn(ROWS, VOCABULARY, device=DEVICE), samplers())
    assert gpu.fetches == 0
    on_device.cpu()
    assert (gpu.fetches, gpu.fetched_bytes) == (1, 4 * ROWS)
    assert gpu.fetched_bytes <= MOST_BYTES_A_ROW * ROWS
    assert not errors


def test_alternatives_leave_it_where_they_are_asked_for(gpu: FakeGpu) -> None:
    asking = samplers()
    asking[3:5] = samplers(logprobs=True, top_logprobs=5)[3:5]
    packed(torch.randn(ROWS, VOCABULARY, device=DEVICE), asking)[0].cpu()
    assert (gpu.fetches, gpu.fetched_bytes) == (1, 4 * (ROWS + 2 * (1 + 2 * 5)))


def test_a_schema_s_mask_goes_there_and_does_not_come_back(model: Model, gpu: FakeGpu) -> None:
    grammar = model.grammar(Sampling(schema=SCHEMA))
    assert grammar is not None
    mask = grammar.mask(DEVICE)
    assert (mask.shape, mask.dtype) == ((model.vocabulary.size,), torch.bool)
    assert gpu.fetches == 0


def test_what_is_chosen_is_what_torch_would_choose() -> None:
    logits = torch.randn(ROWS, VOCABULARY, generator=torch.Generator().manual_seed(3))
    asking = samplers(logprobs=True, top_logprobs=4)
    logits[5, 7] = torch.nan
    choices = choose(logits.clone(), asking)
    log_probabilities = logits.log_softmax(-1)
    for row, (choice, sampler) in enumerate(zip(choices, asking, strict=True)):
        if row == 5:
            assert choice.token_id is None
            continue
        token = choice.token_id
        assert token is not None
        if sampler.argmax_suffices:
            assert token == int(logits[row].argmax())
        assert choice.logprob == pytest.approx(float(log_probabilities[row, token]))
        top = log_probabilities[row].topk(4)
        assert [other for other, _ in choice.others] == top.indices.tolist()
        assert [value for _, value in choice.others] == pytest.approx(top.values.tolist())
    assert len({choice.token_id for choice in choices}) == ROWS


def test_a_seed_draws_what_multinomial_draws() -> None:
    logits = torch.randn(1, 500)
    sampler = Sampler(Sampling(temperature=1.0, seed=9), [1], None)
    generator = torch.Generator().manual_seed(9)
    for _ in range(50):
        wanted = torch.multinomial(logits.softmax(-1), 1, generator=generator)
        assert sampler.sample(logits).item() == wanted.item()
        sampler.accept(int(wanted))


@pytest.mark.parametrize("when", [0, 3])
async def test_a_schema_that_fits_no_answer_fails_alone(
    model: Model, expected: list[Result], monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """It turns out in a pass. Others of the pass have drawn by then, and must not draw twice."""
    asks = [*mixed(model, 12), ask(model, "card", schema=SCHEMA, stop=("unfit",))]
    asks = [*asks[:12:3], asks[-1], *(each for n, each in enumerate(asks[:12]) if n % 3)]
    mask = Grammar.mask
    unfit: list[Grammar] = []
    calls = 0

    def failing(grammar: Grammar, device: torch.device) -> torch.Tensor:
        nonlocal calls
        if grammar in unfit:
            calls += 1
            if calls > when:
                raise InvalidSchema(FIELD)
        return mask(grammar, device)

    compile_schema = model.grammar

    def compiled(sampling: Sampling) -> Grammar | None:
        grammar = compile_schema(sampling)
        if grammar is not None and sampling.stop == ("unfit",):
            unfit.append(grammar)
        return grammar

    monkeypatch.setattr(Grammar, "mask", failing)
    monkeypatch.setattr(model, "grammar", compiled)
    with engine(model, prefill_tokens=512) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    rest = [*expected[:12:3], *(each for n, each in enumerate(expected[:12]) if n % 3)]
    assert results.pop(4) is InvalidSchema
    assert results == rest
