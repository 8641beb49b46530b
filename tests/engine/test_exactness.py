"""Every token of the in-flight engine must be the one that transformers' own `generate` chooses for
that question alone; schemas and log-probabilities must be right in a mixed batch."""

import asyncio
import json
import random
import time

import pytest

from contract.completion import Sampling
from contract.errors import (
    InvalidSchema,
)
from contract.response import Delta, TokenLogprob
from inference.batching.job import Job
from inference.model.model import Model
from inference.model.network import RowInput
from tests.engine.asks import SCHEMA, Ask, Result, answered, ask, engine, mixed


@pytest.mark.parametrize("prefill_tokens", [17, 64, 512])
async def test_mixed_questions_in_flight_get_the_very_tokens_of_generate(
    model: Model, expected: list[Result], prefill_tokens: int
) -> None:
    asks = mixed(model, 24 if prefill_tokens != 64 else 64)
    choose = random.Random(1)
    staggered = [Ask(a.prompt, a.sampling, choose.random() * 2) for a in asks]
    with engine(model, prefill_tokens=prefill_tokens) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in staggered))
    assert results == expected[: len(asks)]
    assert len(set(results)) > len(asks) // 2, "the answers must differ"


async def test_those_who_leave_do_not_change_the_tokens_of_those_who_stay(
    model: Model, expected: list[Result]
) -> None:
    asks = mixed(model, 40)
    choose = random.Random(2)
    mixed_up = [
        Ask(a.prompt, a.sampling, choose.random(), 2 if index % 2 else None)
        for index, a in enumerate(asks)
    ]
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in mixed_up))
    assert results[::2] == expected[:40:2]


async def test_the_second_question_about_a_photo_skips_the_vision_tower(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = [ask(model, question, 3, max_tokens=5) for question in ("what?", "colour?", "brand?")]
    other = ask(model, "what?", 4, max_tokens=5)
    with engine(model) as running:
        for asked in (*asks, other):
            await answered(running, model, asked)
        assert running._metrics.vision_lookups.labels("miss")._value.get() == 2


async def test_sixty_schema_answers_are_strict_json_among_free_ones(model: Model) -> None:
    asks = [
        ask(model, f"card {n}", n % 4, schema=SCHEMA, temperature=1.0, seed=n, max_tokens=200)
        for n in range(60)
    ]
    free = [ask(model, f"free {n}", max_tokens=20) for n in range(20)]
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks + free))
    for result in results[:60]:
        assert isinstance(result, tuple)
        card = json.loads(result[0])
        assert result[1] == "stop"
        assert card["kind"] in ("bag", "shoe")
        assert isinstance(card["logo"], bool)


async def test_json_that_is_cut_off_is_reported_as_such(model: Model) -> None:
    with engine(model) as running:
        result = await answered(running, model, ask(model, "card", schema=SCHEMA, max_tokens=3))
    assert isinstance(result, tuple)
    assert result[1] == "length"


@pytest.mark.parametrize(
    "schema",
    [
        '{"type": "colour"}',
        '{"$ref": "#/nowhere"}',
        "[]",
        '{"properties": {"a": {"allOf": [{"type": "string"}]}}}',
        '{"type": "string", "pattern": "a{1,500}"}',
    ],
)
def test_a_schema_that_is_none_is_refused(model: Model, schema: str) -> None:
    with pytest.raises(InvalidSchema):
        model.grammar(Sampling(schema=schema))


async def test_log_probabilities_are_those_of_the_model(model: Model) -> None:
    asked = ask(model, "what?", 1, max_tokens=6, logprobs=True, top_logprobs=3)
    tokens: list[TokenLogprob] = []
    texts = []
    with engine(model) as running:
        job = Job(asked.prompt, asked.sampling, time.monotonic() + 60)
        async for event in running.answer(job):
            if isinstance(event, Delta):
                tokens += event.logprobs
                texts.append(event.text)
    ids: list[int] = []
    model.generate(asked.prompt, asked.sampling, None, ids.append, lambda: False)
    model.network.reset()
    row = RowInput(asked.prompt, asked.prompt.ids + ids[:-1], 0)
    assert len(tokens) == len([i for i in ids if not model.is_end_token(i)]) > 0
    for length, token in enumerate(tokens):
        end = len(asked.prompt.ids) + length
        model.network.reset()
        logits = model.network.forward([RowInput(row.prompt, row.ids[:end], 0)])[0]
        values = logits.log_softmax(-1)
        assert token.logprob == pytest.approx(float(values.max()), abs=1e-3)
        assert [round(t.logprob, 2) for t in token.top] == [
            round(v, 2) for v in values.topk(3).values.tolist()
        ]
    assert b"".join(token.data for token in tokens).decode("utf-8", "replace") == "".join(texts)
