"""The forms in which a card or a match is asked for, and how the model is asked then."""

import json
from typing import Any

import pytest

from contract.errors import InvalidBase64, InvalidField, UrlNotAllowed
from contract.images import EncodedImage
from contract.products.forms import (
    parse_card,
    parse_card_form,
    parse_match,
    parse_match_form,
)
from contract.products.questions import card_request, match_request
from contract.text.canonical import canonical_request
from tests.support.asking import data_uri, photo

ID = "img_" + "0" * 32
FILE = EncodedImage(b"photo")


def card(**fields: Any) -> bytes:
    return json.dumps({"image": data_uri(photo()), **fields}).encode()


def match(**fields: Any) -> bytes:
    return json.dumps({"image_id": ID, "text": "red bag", **fields}).encode()


def test_a_card_in_the_language_that_it_names_else_of_its_asker() -> None:
    assert parse_card(card(), "zh").question.startswith("请")
    assert parse_card(card(language="en"), "zh").question.startswith("Fill")
    assert parse_card_form({"language": "zh"}, FILE, "en").language == "zh"


def test_a_match_in_the_language_of_its_text_unless_it_names_one() -> None:
    assert match_request(parse_match(match(), "zh")).question.startswith("Does")
    assert match_request(parse_match(match(text="红包"), "en")).question.startswith("照片")
    assert match_request(parse_match(match(text="14 × 20"), "zh")).question.startswith("照片")
    assert match_request(parse_match(match(language="zh"), "en")).question.startswith("照片")


def test_the_photo_comes_in_every_way() -> None:
    assert parse_card(card(), "en").image == EncodedImage(photo())
    by_id = parse_card(json.dumps({"image_id": ID}).encode(), "en")
    assert (by_id.image_id, by_id.photo_field) == (ID, "image_id")
    assert parse_card_form({}, FILE, "en").photo_field == "photo"
    assert parse_match_form({"text": "red", "image_id": ID}, None, "en").image_id == ID


@pytest.mark.parametrize(
    ("body", "error", "param"),
    [
        ({}, InvalidField, "image"),
        ({"image": None}, InvalidField, "image"),
        ({"image": "QQ==", "image_id": ID}, InvalidField, "image_id"),
        ({"image": ID}, InvalidField, "image"),
        ({"image_id": "img_1"}, InvalidField, "image_id"),
        ({"image": "http://a.example/b.jpg"}, UrlNotAllowed, "image"),
        ({"image": "Q!"}, InvalidBase64, "image"),
        ({"image_id": ID, "language": "fr"}, InvalidField, "language"),
        ({"image_id": ID, "stream": "true"}, InvalidField, "stream"),
        ({"image_id": ID, "prompt": "x"}, InvalidField, "prompt"),
        ({"image_id": ID, "temperature": 1}, InvalidField, "temperature"),
    ],
)
def test_what_is_wrong_with_a_card_s_body_is_named(
    body: dict[str, Any], error: type[InvalidField], param: str
) -> None:
    with pytest.raises(error) as raised:
        parse_card(json.dumps(body).encode(), "en")
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": ""}, "text"),
        ({"text": None}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": 3}, "text"),
        ({"text": "a\0"}, "text"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_is_wrong_with_a_match_s_body_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as raised:
        parse_match(match(**fields), "en")
    assert raised.value.param == param


def test_a_score_is_not_streamed_and_that_is_said() -> None:
    with pytest.raises(InvalidField, match="invalid_field") as raised:
        parse_match_form({"text": "red", "stream": "true"}, FILE, "en")
    assert raised.value.unsupported == "stream"
    assert parse_match(match(stream=False), "en").stream is False


def test_a_form_s_photo_is_its_file() -> None:
    for texts, file, param in (
        ({"image": "QQ=="}, None, "image"),
        ({"image_id": ID}, FILE, "image_id"),
        ({}, None, "photo"),
    ):
        with pytest.raises(InvalidField) as raised:
            parse_card_form(texts, file, "en")
        assert raised.value.param == param


def test_of_what_the_model_is_asked_a_replica_changes_nothing() -> None:
    for asked in (
        card_request(parse_card(card(), "zh")),
        card_request(parse_card(card(), "en")),
        match_request(parse_match(match(text="〝Red〞 bag??"), "en")),
        match_request(parse_match(match(text="红色 bag。"), "en")),
    ):
        assert canonical_request(asked) is asked


def test_a_card_is_constrained_and_a_match_is_one_token() -> None:
    asked = card_request(parse_card(card(), "zh")).wire()
    assert asked["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert asked["logprobs"] is True
    assert "top_logprobs" not in asked
    asked = match_request(parse_match(match(), "zh")).wire()
    assert (asked["max_tokens"], asked["logprobs"], asked["top_logprobs"]) == (1, True, 20)
