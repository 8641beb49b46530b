import base64
import json
from typing import Any

import pytest

from contract import errors
from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Sampling, Turn
from contract.images import EncodedImage
from contract.request import MAX_TOKENS_CAP, parse_completion, parse_form
from contract.turns import checked_text
from tests.support.pictures import encoded, picture

PHOTO = encoded(picture(), "JPEG")
TEXT = base64.b64encode(PHOTO).decode()
URI = f"data:image/jpeg;base64,{TEXT}"


def chat(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}], **fields}


def image(uri: str = URI) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": uri}}


def text(words: str = "这是什么?") -> dict[str, Any]:
    return {"type": "text", "text": words}


def parse(value: dict[str, Any]) -> CompletionRequest:
    return parse_completion(json.dumps(value).encode())


def test_the_short_form_and_the_openai_form_ask_the_same() -> None:
    short = parse({"image": URI, "prompt": "这是什么?", "max_tokens": 128})
    full = parse(chat(text(), image(), max_tokens=128))
    assert (short.turns, short.image, short.sampling) == (full.turns, full.image, full.sampling)
    assert short.short
    assert not full.short


def test_the_form_of_the_page_asks_the_same_too() -> None:
    photo = EncodedImage(PHOTO)
    form = parse_form({"question": "这是什么?", "stream": "true"}, photo)
    assert form.turns == (Turn("user", "这是什么?"),)
    assert form.image == photo
    assert form.stream


def test_what_is_sent_to_a_replica_is_read_there_as_the_same_question() -> None:
    asked = CompletionRequest(
        turns=(
            Turn("system", "be brief"),
            Turn("user", "what is it"),
            Turn("assistant", "a bag"),
            Turn("user", "of what?"),
        ),
        image=EncodedImage(PHOTO),
        sampling=Sampling(64, 0.5, 0.9, 10, 1.1, 7, ("\n",), True, 3, '{"type": "object"}'),
        stream=True,
        include_usage=True,
    )
    assert parse(asked.wire()) == asked


def test_the_defaults_are_greedy_and_bounded() -> None:
    asked = parse(chat(text(), image()))
    assert asked.sampling == Sampling(max_tokens=DEFAULT_MAX_TOKENS, temperature=0)
    assert parse(chat(text(), max_tokens=10**9)).sampling.max_tokens == MAX_TOKENS_CAP


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (chat(text(), n=2), "n"),
        (chat(text(), max_tokens="2"), "max_tokens"),
        (chat(text(), max_tokens=True), "max_tokens"),
        (chat(text(), max_tokens=0), "max_tokens"),
        (chat(text(), temperature=3), "temperature"),
        (chat(text(), stream="yes"), "stream"),
        (chat(), "messages.0.content"),
        (chat(text(" ")), "messages.0.content"),
        (chat(text(), *[image()] * 5), "messages.0.content.5.image_url.url"),
        ({}, "messages"),
        ({"model": "shopsight"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [{"content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        (chat(text(), "hi"), "messages.0.content.1"),
        (chat({"type": "text"}), "messages.0.content.0.text"),
        (chat({"type": "text", "text": 5}), "messages.0.content.0.text"),
        (chat({"type": "colour"}), "messages.0.content.0.type"),
        (chat({"type": "refusal", "refusal": "no"}), "messages.0.content.0.type"),
        (chat(text(), {"type": "image_url", "image_url": URI}), "messages.0.content.1.image_url"),
        (chat({"type": "image_url", "image_url": {}}), "messages.0.content.0.image_url.url"),
        (chat(text(), response_format={"type": "grammar"}), "response_format.type"),
        (chat(text(), response_format={"type": "json_schema", "json_schema": {"name": "x"}}),
         "response_format.json_schema.schema"),
        (chat(text(), stop=[""]), "stop.0"),
        (chat(text(), stop=["a", None]), "stop.1"),
        (chat(text(), stop=5), "stop"),
        (chat(text(), stop=["a"] * 5), "stop"),
        (chat(text(), top_p=-0.1), "top_p"),
        (chat(text(), seed=2**63), "seed"),
        (chat(text(), seed=1.5), "seed"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "messages"),
        ({"messages": [{"role": "root", "content": "hi"}]}, "messages.0.role"),
        ({"prompt": "x"}, "image"),
        ({"image": URI}, "prompt"),
        ({"image": URI, "prompt": None}, "prompt"),
        ({"prompt": "x", "image": None}, "image"),
        ({"prompt": "x", "image_id": "img_1"}, "image_id"),
        ({"prompt": "x", "image_id": "img_" + "0" * 32, "image": URI}, "image"),
        ({"image": [URI], "prompt": "x"}, "image"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_by_its_place(value: dict[str, Any], param: str) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(value)
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (chat(text(), foo="zebra"), "foo"),
        (chat(text(), fooBar_2={"a": "zebra"}), "fooBar_2"),
        (chat(text(), **{"zebra stripes": 1}), None),
        (chat(text(), **{"zebra-7319": 1}), None),
        (chat(text(), **{"斑马": 1}), None),
        (chat(text(), **{"": 1}), None),
        (chat(text(), **{"z" * 65: 1}), None),
        ({"image": URI, "prompt": "x", "file": "zebra"}, "file"),
        (chat({**text(), "foo": "zebra"}), "messages.0.content.0.foo"),
        (chat({**text(), "zebra!": 1}), "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": "x", "weight": 1}]}, "messages.0.weight"),
        (chat(text(), stream_options={"foo": "zebra"}), "stream_options.foo"),
        (chat(text(), response_format={"type": "text", "foo": "zebra"}), "response_format.foo"),
    ],
)
def test_an_unknown_field_is_named_where_its_name_is_a_plain_one_and_its_value_never(
    value: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(value)
    assert caught.value.param == param
    assert "zebra" not in json.dumps(caught.value.body("en"))


@pytest.mark.parametrize("role", ["assistant", "system"])
def test_a_photo_in_another_s_turn_is_refused(role: str) -> None:
    messages = [{"role": role, "content": [image()]}, {"role": "user", "content": "x"}]
    with pytest.raises(errors.InvalidField) as caught:
        parse({"messages": messages})
    assert (caught.value.param or "").startswith("messages.0.content.0")


@pytest.mark.parametrize(
    "words",
    ["", " \n\t", "\u200b\u200d\ufeff", "a\0b", "\ud800", "x" * 2001, "\x07", "\x0c", "\u3000"],
    ids=repr,
)
def test_text_that_nobody_can_read_is_refused(words: str) -> None:
    with pytest.raises(errors.InvalidField):
        checked_text(words, "question")


@pytest.mark.parametrize(
    "words",
    [
        "这是真皮吗?",
        "👜?",
        "هل هذا جلد؟",
        "<|im_start|>system",
        "a\r\n\x1b[31mb",
        "1\x0b2\x0c3\x854",
        "𠮷野家",
        "' OR 1=1 --",
    ],
)
def test_unusual_text_is_taken(words: str) -> None:
    assert checked_text(words, "question") == words


@pytest.mark.parametrize(
    ("fields", "photo", "param"),
    [
        ({}, True, "question"),
        ({"question": " "}, True, "question"),
        ({"question": "x", "extra": "y"}, True, "extra"),
        ({"question": "x", "max_tokens": "a"}, True, "max_tokens"),
        ({"question": "x"}, False, "photo"),
        ({"question": "x", "image_id": "img_1"}, False, "image_id"),
        ({"question": "x", "image_id": "img_" + "0" * 32}, True, "image_id"),
    ],
)
def test_a_bad_form_is_refused(fields: dict[str, str], photo: bool, param: str) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse_form(fields, EncodedImage(PHOTO) if photo else None)
    assert caught.value.param == param
