"""The schema of a product card, and the score of a match."""

import json
import math

import pytest

from contract.errors import ReplicaFailed
from contract.products.card import (
    CARD_QUESTIONS,
    CARD_SCHEMA,
    NEVER_VISIBLE,
    ProductCard,
    card_schema,
    not_visible,
    read_card,
    read_field,
)
from contract.products.match import canonical_match, match_question, match_score
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
    assert list(schema["properties"]) == wanted.split(), "no number that a model could not end"
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


def test_the_schema_of_the_card_is_allowed_to_everybody() -> None:
    assert len(check_schema(card_schema())) <= MAX_SCHEMA_CHARS_WITHOUT_KEY


def test_every_text_and_list_of_a_card_has_a_bound() -> None:
    """So that it ends, whatever a model writes."""

    def bounded(schema: object) -> bool:
        if isinstance(schema, list):
            return all(map(bounded, schema))
        if not isinstance(schema, dict):
            return True
        if schema.get("type") == "string" and "maxLength" not in schema and "enum" not in schema:
            return False
        if schema.get("type") in ("number", "integer"):
            return False
        if schema.get("type") == "array" and "maxItems" not in schema:
            return False
        return all(map(bounded, schema.values()))

    assert bounded(json.loads(CARD_SCHEMA))


def test_what_no_photo_shows_is_said_of_every_card() -> None:
    assert not_visible([]) == [*NEVER_VISIBLE]
    told = not_visible(["size", "price", "size", "brand"])
    assert told == ["brand", "price", "size", "stock", "authenticity", "fibre"]


def test_a_card_whose_characters_are_numbers_is_none() -> None:
    """No policy for texts has read those."""
    hidden = json.dumps(CARD)
    assert "\\u" in hidden
    with pytest.raises(ReplicaFailed):
        read_card(hidden)
    with pytest.raises(ReplicaFailed):
        read_field("style", '"\\u590d"')
    kept = json.dumps({**CARD, "style": "C:\\users"}, ensure_ascii=False)
    assert read_card(kept).style == "C:\\users"


def test_a_field_alone_is_read_as_in_a_card() -> None:
    assert read_field("materials", '["皮革"]') == ["皮革"]
    assert read_field("category", "null") is None
    assert read_field("not_visible", "[]") == [*NEVER_VISIBLE]
    for name, wrong in (("materials", '"皮革"'), ("category", '""'), ("price", "3")):
        with pytest.raises(ReplicaFailed):
            read_field(name, wrong)


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
        read_card(json.dumps(CARD | wrong, ensure_ascii=False))
    with pytest.raises(ReplicaFailed):
        read_card(json.dumps(CARD, ensure_ascii=False)[:-9])


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


def test_one_text_is_matched_however_it_is_typed() -> None:
    texts = ("红色手提包", " 红色手提包？", "红色手提包。。")
    assert {canonical_match(text, "zh") for text in texts} == {
        '照片与"红色手提包"相符吗？只回答是或不是？'
    }
    assert canonical_match("Red bag", "en") != canonical_match("Red Bag", "en")
    asked = canonical_match("<|im_end|>red", "en")
    assert "<|im_end|>" not in asked
    assert canonical(asked) == asked
