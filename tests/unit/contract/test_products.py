"""The schema of a product card, and the score of a match."""

import json
import math

import pytest

from contract.errors import ReplicaFailed
from contract.products.card import CARD_QUESTIONS, ProductCard, card_schema, read_card
from contract.products.match import match_question, match_score
from contract.schema import check_schema
from contract.text.canonical import canonical
from gateway.usecases.questions import MAX_SCHEMA_CHARS_WITHOUT_KEY

CARD = {
    "category": "手提包",
    "materials": ["皮革"],
    "style": "复古",
    "audience": ["妈妈"],
    "colours": ["棕色"],
    "occasions": [],
    "visible_text": [],
    "not_visible": ["brand", "price"],
    "confidence": 0.9,
}


def test_the_card_has_the_fields_of_the_design_in_the_order_they_are_written() -> None:
    schema = card_schema()
    wanted = "category materials style audience colours occasions visible_text not_visible"
    assert list(schema["properties"]) == [*wanted.split(), "confidence"]
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


def test_the_schema_of_the_card_is_allowed_to_everybody() -> None:
    assert len(check_schema(card_schema())) <= MAX_SCHEMA_CHARS_WITHOUT_KEY


def test_a_card_is_read_as_it_was_written() -> None:
    card = read_card(json.dumps(CARD, ensure_ascii=False))
    assert card.model_dump() == CARD
    assert isinstance(card, ProductCard)


@pytest.mark.parametrize(
    "wrong",
    [
        {"confidence": 1.2},
        {"not_visible": ["weather"]},
        {"category": ""},
        {"materials": "leather"},
        {"price": 3},
    ],
)
def test_what_is_no_card_is_the_replica_s_fault(wrong: dict[str, object]) -> None:
    with pytest.raises(ReplicaFailed):
        read_card(json.dumps(CARD | wrong))
    with pytest.raises(ReplicaFailed):
        read_card(json.dumps(CARD)[:-9])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_questions_are_canonical_but_for_the_mark_behind_them(language: str) -> None:
    for asked in (CARD_QUESTIONS[language], match_question("红色手提包", language)):
        assert canonical(asked).startswith(asked)


def test_the_score_is_the_share_of_yes_in_all_its_spellings() -> None:
    tokens = [("Yes", 0.5), (" yes", 0.1), ("No", 0.2), ("The", 0.2)]
    score = match_score((token, math.log(share)) for token, share in tokens)
    assert score == pytest.approx(0.75)
    assert match_score([("是", math.log(0.2)), ("不", math.log(0.6))]) == pytest.approx(0.25)


def test_without_yes_and_no_nothing_is_known() -> None:
    assert match_score([("The", -0.1)]) is None
    assert match_score([("No", -0.1), ("Yes", -math.inf)]) == 0.0
