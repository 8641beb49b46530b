"""What the contract allows of JSON schemas, llguidance compiles, and quickly. What no answer fits
is refused before a row of the engine is spent on it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.completion import Sampling
from contract.errors import InvalidSchema, Overloaded
from contract.schema import FORMATS, MAX_PROPERTIES, check_schema
from inference.model.model import Model
from inference.schema_trials import TRIAL_LIMITS, SchemaTrials
from tests.engine.asks import SCHEMA, answered, ask, engine
from tests.unit.contract.test_schema import CARD, nested

BOMBS = [
    {"type": "integer", "multipleOf": 99999991},
    {"const": "<|im_end|>"},
    {"type": "object", "properties": {"<|im_start|>": {"type": "string"}}},
    {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"},
    {"allOf": [{"pattern": ".*a.{9}"}, {"pattern": ".*b.{9}"}]},
]


@pytest.fixture
async def trials(model: Model) -> AsyncIterator[SchemaTrials]:
    trials = SchemaTrials(model.vocabulary.packed())
    await trials.start()
    yield trials
    trials.close()


async def test_what_the_contract_allows_compiles(model: Model, trials: SchemaTrials) -> None:
    wide = {f"p{n}": {"type": "string"} for n in range(MAX_PROPERTIES)}
    for schema in (
        CARD,
        {},
        nested(10),
        {"type": "object", "properties": wide},
        {"type": "object", "properties": wide, "additionalProperties": {"type": "integer"}},
        {"enum": [f"value {n}" for n in range(900)]},
        {"anyOf": [{"enum": [str(n), n]} for n in range(50)]},
        {"type": "array", "items": {"type": "string", "minLength": 4096}, "minItems": 4096},
        {"type": "integer", "minimum": -(10**15), "maximum": 10**15},
        {"type": "number", "exclusiveMinimum": -1e15, "maximum": 0.000000001},
        {"type": "object", "properties": {"again": {"$ref": "#"}}},
        *({"type": "string", "format": name} for name in sorted(FORMATS)),
    ):
        text = check_schema(schema)
        await trials.check(text)
        began = time.thread_time()
        assert model.grammar(Sampling(schema=text)) is not None
        assert time.thread_time() - began < 1, schema


@pytest.mark.parametrize("schema", BOMBS, ids=json.dumps)
async def test_bombs_and_control_tokens_are_refused(trials: SchemaTrials, schema: Any) -> None:
    for _ in range(3):
        with pytest.raises(InvalidSchema):
            await trials.check(json.dumps(schema))
    await trials.check(SCHEMA)


def helpers_of(trials: SchemaTrials) -> list[int]:
    return [helper.pid for helper in trials._helpers._idle]


async def test_a_helper_that_is_stopped_or_killed_is_not_the_schema_s_fault(
    trials: SchemaTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials._helpers, "_limits", replace(TRIAL_LIMITS, wall_s=0.3))
    for pid in helpers_of(trials):
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Overloaded):
        await trials.check(SCHEMA)
    monkeypatch.undo()
    trials._helpers.close()  # the other one is stopped, too
    await trials.check(SCHEMA)
    trial = asyncio.create_task(trials.check('{"type": "null"}'))
    for pid in helpers_of(trials):
        os.kill(pid, signal.SIGKILL)
    await trial


async def test_where_no_helper_can_be_started_nothing_is_said_of_the_schema(
    trials: SchemaTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fork(*_: Any) -> Any:
        raise BlockingIOError("no process left")

    trials._helpers.close()
    monkeypatch.setattr(trials._server, "fork", fork)
    with pytest.raises(Overloaded):
        await trials.check(SCHEMA)
    monkeypatch.undo()
    await trials.check(SCHEMA)


NO_ANSWER = [
    {"type": "array", "minItems": 3, "maxItems": 2, "items": {"type": "string"}},
    {"type": "integer", "minimum": 3, "maximum": 2},
    {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"},
]


@pytest.mark.parametrize("schema", NO_ANSWER, ids=json.dumps)
async def test_a_schema_that_no_answer_fits_is_refused(trials: SchemaTrials, schema: Any) -> None:
    with pytest.raises(InvalidSchema):
        await trials.check(check_schema(schema))


async def test_a_dead_end_is_the_schema_s_fault(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a compiler lets through: the asker is told, and other rows go on."""

    class DeadEnd:
        def mask(self, device: Any) -> Any:
            raise InvalidSchema("response_format")

    grammar = model.grammar
    monkeypatch.setattr(
        model, "grammar", lambda sampling: DeadEnd() if sampling.schema else grammar(sampling)
    )
    with engine(model) as running:
        bad, good = ask(model, "card", schema=SCHEMA), ask(model, "what?", 1, max_tokens=9)
        results = await asyncio.gather(*(answered(running, model, each) for each in (good, bad)))
        assert isinstance(results[0], tuple)
        assert results[1] is InvalidSchema
        assert await answered(running, model, good) == results[0]


TEXT = st.text('ab蓝 "\\{}', max_size=9)
ALLOWED = st.recursive(
    st.sampled_from([{"type": name} for name in ("string", "integer", "boolean", "null")])
    | st.lists(st.text('ab蓝 "\\{}', max_size=9), min_size=1, max_size=4).map(lambda v: {"enum": v})
    | st.integers(-(10**15), 10**15).map(lambda n: {"type": "integer", "minimum": n})
    | st.integers(0, 4096).map(lambda n: {"type": "string", "maxLength": n}),
    lambda inner: (
        st.dictionaries(st.text('ab蓝 "\\', max_size=9), inner, max_size=4).map(
            lambda of: {"type": "object", "properties": of, "required": list(of)}
        )
        | st.tuples(inner, st.integers(0, 9)).map(
            lambda of: {"type": "array", "items": of[0], "minItems": of[1]}
        )
        | st.lists(inner, min_size=1, max_size=4).map(lambda of: {"anyOf": of})
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(ALLOWED)
def test_schemas_of_allowed_keywords_compile(model: Model, schema: dict[str, Any]) -> None:
    try:
        text = check_schema(schema)
    except InvalidSchema:
        return  # too deep
    assert model.grammar(Sampling(schema=text)) is not None
