"""What a model wrote, read as a card or a score: fields, probabilities, calibration, streams."""

import json
import math
from collections.abc import AsyncGenerator

import pytest

from contract.completion import CompletionRequest, Turn
from contract.errors import ReplicaFailed, ShopsightError
from contract.products.answers import CardAnswer, MatchAnswer, card_answer, match_answer
from contract.products.calibration import NOT_CALIBRATED, Calibration, LogOddsLine
from contract.products.confidence import field_probabilities
from contract.products.fields import written_fields
from contract.products.render import card_object, card_stream, match_object
from contract.render import AnswerPiece
from contract.response import AnswerFrame, Delta, Finished, TokenLogprob, Usage
from tests.support.cards import CARD, card_tokens, written
from tests.support.stub_replica import delta_of

FRAME = AnswerFrame("card-1", "shopsight", "r1", created=5)
ASKED = CompletionRequest((Turn("user", "?"),), None)
STOP = Finished("stop", Usage(3, 2))
# Of a probability p it makes about p / (p + e (1 - p)).
HALVED = Calibration(card={"category": LogOddsLine(slope=1, intercept=-1)})


def answer_of(tokens: list[tuple[str, dict[str, float]]]) -> Delta:
    deltas = [delta_of(*token) for token in tokens]
    logprobs = tuple(logprob for delta in deltas for logprob in delta.logprobs)
    return Delta("".join(delta.text for delta in deltas), logprobs)


def test_a_field_is_complete_when_something_follows_it() -> None:
    whole = '{"a": 0.9, "b":["x, }", null] ,"c":{"d":1}}'
    names = [[field.name for field in written_fields(whole[:end])] for end in range(len(whole) + 1)]
    assert names[whole.index(",")] == []
    assert names[whole.index(",") + 1] == ["a"]
    assert names[-1] == ["a", "b", "c"]
    assert names == sorted(names, key=len), "none is taken back"
    values = [whole[field.start : field.end] for field in written_fields(whole)]
    assert values == ["0.9", '["x, }", null]', '{"d":1}']


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"a"', "{1:2}", '{"a":}', "{" * 5000])
def test_what_is_no_object_has_no_fields(text: str) -> None:
    assert list(written_fields(text)) == []


def test_the_probability_of_a_field_is_that_of_the_tokens_of_its_value() -> None:
    answer = answer_of(
        [
            ('{"colour":', {}),
            ('"', {'"': 0.5}),
            ("棕", {"棕": 0.5}),
            ('色","style":', {'色","style":': 0.8}),
            ("null", {"null": 0.1}),
            ("}", {"}": 0.01}),
        ]
    )
    found = field_probabilities(answer.text, answer.logprobs)
    assert found == pytest.approx({"colour": 0.5 * 0.5 * 0.8, "style": 0.1})


def test_parts_of_characters_count_where_they_stand() -> None:
    """A token may be one byte of three."""
    head, tail = b'{"a":"', b'"}'
    data = [head, *(bytes([byte]) for byte in "棕".encode()), tail]
    tokens = tuple(TokenLogprob(part, math.log(0.5)) for part in data)
    assert field_probabilities('{"a":"棕"}', tokens) == pytest.approx({"a": 0.5**5})


def test_tokens_that_spell_another_text_tell_nothing() -> None:
    answer = answer_of(card_tokens())
    assert field_probabilities(answer.text.replace("KELVO", ""), answer.logprobs) == {}
    read = card_answer(Delta(answer.text), STOP, NOT_CALIBRATED)
    assert set(read.confidence.values()) == {None}


def test_each_field_of_a_card_has_its_confidence() -> None:
    read = card_answer(answer_of(card_tokens(materials=0.25)), STOP, NOT_CALIBRATED)
    assert list(read.confidence) == list(CARD)
    assert read.confidence["materials"] == 0.25
    assert read.confidence["category"] == 1.0


def test_a_calibration_moves_the_fields_that_it_knows() -> None:
    calibration = Calibration(card={"materials": LogOddsLine(slope=2, intercept=-1)})
    answer = answer_of(card_tokens(materials=0.25, style=0.25))
    read = card_answer(answer, STOP, calibration)
    odds = math.exp(2 * math.log(0.25 / 0.75) - 1)
    assert read.confidence["materials"] == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert read.confidence["style"] == 0.25
    line = LogOddsLine(slope=3, intercept=0)
    assert 0 < line.apply(0.0) < 1e-9
    assert line.apply(1.0) == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"card": {"style": {"slope": float("nan"), "intercept": 0}}},
        {"card": {"style": {"slope": 1}}},
        {"match": {"slope": 1e9, "intercept": 0}},
        {"card": []},
    ],
)
def test_what_is_no_calibration_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Calibration.model_validate(wrong)


def test_a_cut_answer_is_no_card() -> None:
    with pytest.raises(ReplicaFailed):
        card_answer(answer_of(card_tokens()[:-3]), Finished("length"), NOT_CALIBRATED)


def test_a_blocked_answer_has_no_card_and_no_score() -> None:
    blocked = Finished("content_filter")
    card = card_answer(Delta('{"category":"'), blocked, NOT_CALIBRATED)
    told = card_object(FRAME, card, blocked, language="zh", calibrated=False)
    assert (told["card"], told["finish_reason"]) == (None, "content_filter")
    match = match_answer(Delta(""), blocked, NOT_CALIBRATED)
    told = match_object(FRAME, match, blocked, calibrated=False)
    assert (told["score"], told["finish_reason"]) == (None, "content_filter")


def test_the_words_of_both_languages_are_summed_at_the_first_token() -> None:
    first = {"Yes": 0.4, "是": 0.2, "No": 0.1, "不": 0.1, "The": 0.2}
    answer = answer_of([("Yes", first), (" no", {" no": 1.0})])
    assert match_answer(answer, Finished("length"), NOT_CALIBRATED).score == pytest.approx(0.75)
    certain = Calibration(match=LogOddsLine(slope=1, intercept=10))
    assert match_answer(answer, STOP, certain).score == pytest.approx(1, abs=1e-3)


def test_a_server_that_tells_the_chosen_token_only_decides_by_that() -> None:
    own = Delta("No", (TokenLogprob(b"No", -0.1),))
    assert match_answer(own, STOP, NOT_CALIBRATED) == MatchAnswer(0.0)


def test_without_yes_and_no_the_score_is_unknown_and_without_tokens_the_replica_failed() -> None:
    assert match_answer(answer_of([("The", {"The": 1.0})]), STOP, NOT_CALIBRATED).score is None
    with pytest.raises(ReplicaFailed):
        match_answer(Delta("Yes"), STOP, NOT_CALIBRATED)


async def pieces(*items: AnswerPiece | ShopsightError) -> AsyncGenerator[AnswerPiece]:
    for item in items:
        if isinstance(item, ShopsightError):
            raise item
        yield item


async def streamed(*items: AnswerPiece | ShopsightError) -> list[object]:
    def whole(end: Finished) -> dict[str, object]:
        return {"object": "product.card", "reason": end.reason}

    sent = card_stream(pieces(*items), whole, HALVED, ASKED, "zh")
    body = b"".join([part async for part in sent])
    events = body.decode().removesuffix("\n\n").split("\n\n")
    data = [event.removeprefix("data: ") for event in events]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


async def test_a_card_streams_field_by_field_and_ends_with_the_whole() -> None:
    text = written(CARD)
    told = await streamed(*[Delta(char) for char in text], STOP)
    assert told[-2:] == [{"object": "product.card", "reason": "stop"}, "[DONE]"]
    fields = {event["field"]: event["value"] for event in told[:-2]}  # type: ignore[index]
    assert list(fields) == list(CARD)
    assert fields["materials"] == ["皮革"]
    assert "price" in fields["not_visible"]
    assert await streamed(Delta(text), STOP) == told, "at once from the cache"


async def test_each_field_has_its_confidence_once_its_tokens_have_come() -> None:
    tokens = [delta_of(*token) for token in card_tokens(category=0.5, style=0.25)]
    told = await streamed(*tokens, STOP)
    sure = {event["field"]: event["confidence"] for event in told[:-2]}  # type: ignore[index]
    assert sure == dict.fromkeys(CARD, 1.0) | {"category": 0.2689, "style": 0.25}
    assert told[0]["calibrated"] is True  # type: ignore[index]

    # The screen holds the tokens of a piece until its last character goes out.
    brace, name, value, *_ = tokens
    late = [brace, Delta(name.text), Delta(value.text + ',"mat')]
    late += [Delta("", (*name.logprobs, *value.logprobs))]
    assert (await streamed(*late, STOP))[0] == told[0]


async def test_a_field_whose_tokens_never_come_has_no_confidence() -> None:
    first, *others = [delta_of(*token) for token in card_tokens()]
    told = await streamed(first, *(Delta(each.text) for each in others), STOP)
    assert [event.get("confidence", "") for event in told[:-2]] == [None] * len(CARD)  # type: ignore[attr-defined]


async def test_after_the_first_field_a_failure_is_an_error_event() -> None:
    begun = Delta('{"category":"包","materials":')
    told = await streamed(begun, ReplicaFailed())
    assert told[0]["value"] == "包"  # type: ignore[index]
    assert told[1]["error"]["code"] == "replica_failed"  # type: ignore[index]
    assert len(told) == 2, "and no [DONE]"


async def test_a_field_that_no_card_has_ends_the_stream() -> None:
    told = await streamed(Delta('{"category":3,'), STOP)
    assert [event["error"]["code"] for event in told] == ["replica_failed"]  # type: ignore[index]


def test_a_card_as_its_asker_gets_it() -> None:
    read = card_answer(answer_of(card_tokens(style=0.5)), STOP, NOT_CALIBRATED)
    assert isinstance(read, CardAnswer)
    told = card_object(FRAME, read, STOP, language="zh", calibrated=False)
    assert told == {
        "id": "card-1",
        "object": "product.card",
        "created": 5,
        "model": "shopsight",
        "model_revision": "r1",
        "card": {
            **CARD,
            "not_visible": ["price", "size", "stock", "authenticity", "fibre"],
            "confidence": {name: 0.5 if name == "style" else 1.0 for name in CARD},
        },
        "language": "zh",
        "calibrated": False,
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
