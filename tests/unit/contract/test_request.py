import base64
import json
from typing import Any

import pytest

from contract import errors
from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Sampling, Turn
from contract.images import EncodedImage
from contract.request import MAX_TOKENS_CAP, checked_text, parse_completion, parse_form
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


def test_fields_that_change_nothing_are_accepted() -> None:
    value = chat(text(), image(), n=1, user="u", metadata={"a": "b"}, presence_penalty=0)
    value["messages"][0]["content"][1]["image_url"]["detail"] = "high"
    assert parse(value).user == "u"


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (chat(text(), foo=1), None),
        (chat(text(), n=2), "n"),
        (chat(text(), max_tokens="2"), "max_tokens"),
        (chat(text(), max_tokens=True), "max_tokens"),
        (chat(text(), max_tokens=0), "max_tokens"),
        (chat(text(), temperature=3), "temperature"),
        (chat(text(), stream="yes"), "stream"),
        (chat(), "messages.0.content"),
        (chat(text(" ")), "messages.0.content"),
        (chat(text(), image(), image()), "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "messages"),
        ({"messages": [{"role": "root", "content": "hi"}]}, "messages.0.role"),
        ({"prompt": "x"}, "image"),
        ({"image": URI}, "prompt"),
        ({"image": URI, "prompt": "x", "file": "y"}, None),
        ({"image": [URI], "prompt": "x"}, "image"),
    ],
)
def test_a_bad_field_is_named_but_never_echoed(value: dict[str, Any], param: str | None) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(value)
    assert (caught.value.param or "").startswith(param or "")
    assert "foo" not in json.dumps(caught.value.body("en"))


def test_a_photo_in_an_answer_of_the_model_is_refused() -> None:
    value = {
        "messages": [{"role": "assistant", "content": [image()]}, {"role": "user", "content": "x"}]
    }
    with pytest.raises(errors.InvalidField):
        parse(value)


@pytest.mark.parametrize(
    "words",
    ["", " \n\t", "\u200b\u200d\ufeff", "a\0b", "\ud800", "x" * 2001, "\x07", "\u3000"],
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
        "𠮷野家",
        "' OR 1=1 --",
    ],
)
def test_unusual_text_is_taken(words: str) -> None:
    assert checked_text(words, "question") == words


@pytest.mark.parametrize(
    "fields", [{}, {"question": "x", "extra": "y"}, {"question": "x", "max_tokens": "a"}]
)
def test_a_bad_form_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidField):
        parse_form(fields, None)
