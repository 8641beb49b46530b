"""contract/turns.py: conversations, our own answers in them, and their bounds."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from contract import errors
from contract.completion import CompletionRequest, Turn
from contract.images import EncodedImage
from contract.response import AnswerFrame, Delta, Finished
from gateway.identity.callers import Caller
from gateway.usecases.questions import check_allowed
from tests.unit.contract.test_request import PHOTO, URI, chat, image, parse, text

BLANK = " \u200b"


def conversation(answer: dict[str, Any]) -> dict[str, Any]:
    first = {"role": "user", "content": [image(), text()]}
    return {"messages": [first, answer, {"role": "user", "content": "为什么?"}]}


def answered(answer: dict[str, Any]) -> str:
    _, turn, _ = parse(conversation(answer)).turns
    assert turn.role == "assistant"
    return turn.text


def own(text: str) -> ChatCompletionMessage:
    """An answer of ours as the official client reads it."""
    frame = AnswerFrame("chatcmpl-1", "shopsight", "r1")
    whole = ChatCompletion.model_validate(frame.whole(Delta(text), Finished("stop")))
    return whole.choices[0].message


@pytest.mark.parametrize("words", ["是真皮", "", "皮" * 5000, "a\x07\0b", BLANK])
def test_our_own_answer_is_taken_back_however_a_client_dumps_it(words: str) -> None:
    message = own(words)
    assert answered(message.model_dump()) == words
    assert answered(message.to_dict()) == words
    assert answered(dict(message)) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": None}, ""),
        ({}, ""),
        ({"content": []}, ""),
        ({"content": None, "refusal": "no"}, "no"),
        ({"content": "yes", "refusal": "no"}, "yes"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]}, "a\nb"),
        ({"content": "a", "annotations": [{"type": "url_citation"}], "audio": None}, "a"),
        ({"content": "a", "tool_calls": [], "function_call": None, "annotations": []}, "a"),
        ({"content": "a", "reasoning_content": "hm", "reasoning": "hm", "name": "bot"}, "a"),
    ],
)
def test_an_answer_comes_back_in_many_shapes(fields: dict[str, Any], words: str) -> None:
    assert answered({"role": "assistant", **fields}) == words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tool_calls", [{"id": "1", "type": "function", "function": {"name": "zebra"}}]),
        ("function_call", {"name": "zebra", "arguments": "{}"}),
        ("audio", {"id": "zebra"}),
    ],
)
def test_an_answer_that_used_a_tool_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(conversation({"role": "assistant", "content": None, name: value}))
    assert (caught.value.param, caught.value.unsupported) == (f"messages.1.{name}", name)


def turns(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": words} for role, words in pairs]}


def long_conversation(chars: int = 1, earlier: int = 20) -> list[tuple[str, str]]:
    spoken = [("assistant" if n % 2 else "user", "x" * chars) for n in range(earlier)]
    return [*spoken, ("user", "x")]


def test_the_message_that_is_named_is_the_client_s() -> None:
    photo = {"role": "user", "content": [image()]}
    instruction = {"role": "system", "content": "x"}
    question = {"role": "user", "content": "why?"}
    asked = parse({"messages": [photo, instruction, question]})
    with pytest.raises(errors.InvalidField) as caught:
        check_allowed(asked, Caller("public"))
    assert caught.value.param == "messages.1.role"
    long = {**instruction, "content": "x" * 2001}
    with pytest.raises(errors.InvalidField) as caught:
        parse({"messages": [photo, long, long, question]})
    assert caught.value.param == "messages.2.content"


def test_instructions_do_not_count_among_the_turns_of_a_conversation() -> None:
    instructions = [("system", "x" * 2000), ("developer", "x" * 2000)]
    asked = parse(turns(*instructions, *long_conversation(599)))
    assert len(asked.turns) == 23


@pytest.mark.parametrize(
    "pairs",
    [
        long_conversation(earlier=22),
        [("user", "x" * 2000), *[("assistant", "x" * 5000)] * 2, ("user", "x")],
        [*[("system", "x")] * 3, ("user", "x")],
        [("user", "x"), ("assistant", "x")],
    ],
    ids=["turns", "characters", "instructions", "no question"],
)
def test_a_conversation_beyond_its_bounds_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(turns(*pairs))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("pairs", "param"),
    [
        ([("user", "x" * 2001)], "messages.0.content"),
        ([("system", "x" * 4001), ("user", "x")], "messages.0.content"),
        ([("user", "x"), ("assistant", ""), ("user", BLANK)], "messages.2.content"),
        ([("user", ""), ("assistant", "x"), ("user", "x")], "messages.0.content"),
    ],
)
def test_a_turn_beyond_its_bounds_is_named(pairs: list[tuple[str, str]], param: str) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        parse(turns(*pairs))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        ("data:image/jpeg;base64,Q!Q=", errors.InvalidBase64),
        ("", errors.InvalidBase64),
        ("http://example.com/zebra.jpg", errors.UrlNotAllowed),
        ("https://example.com/" + 4077 * "z", errors.UrlNotAllowed),
        ("QUJD" * 3_670_017, errors.PayloadTooLarge),
    ],
)
def test_a_photo_s_error_names_its_place(photo: str, error: type[errors.ShopsightError]) -> None:
    earlier = turns(("user", "x"), ("assistant", "x"))["messages"]
    messages = [*earlier, {"role": "user", "content": [text(), image(photo)]}]
    for value, place in (
        ({"messages": messages}, "messages.2.content.1.image_url.url"),
        ({"image": photo, "prompt": "?"}, "image"),
    ):
        with pytest.raises(error) as caught:
            parse(value)
        assert caught.value.param == place


def test_an_https_address_is_kept_for_who_fetches_photos() -> None:
    url = "https://example.com/zebra.jpg?key=s3cret"
    asked = parse(chat(text("which?"), image(url), image(url + "2")))
    assert (asked.image, asked.image_url) == (None, url)
    assert asked.further[0].image_url == url + "2"
    assert asked.further[0].place == "messages.0.content.2.image_url.url"
    assert "s3cret" not in repr(asked)
    assert parse({"image": url, "prompt": "?"}).urls == (url,)


def test_who_fetches_nothing_refuses_an_address_wherever_it_is() -> None:
    url = "HTTPS://example.com/" + 4076 * "z"
    for asked in (chat(text(), image(url)), chat(text(), image(), image(url))):
        with pytest.raises(errors.UrlNotAllowed):
            parse(asked).require_files()
    parse(chat(text(), image())).require_files()


def test_the_same_address_again_shows_nothing_new() -> None:
    again = {"role": "user", "content": [text(), image("https://example.com/zebra.jpg")]}
    earlier = {"role": "assistant", "content": "x"}
    assert parse({"messages": [again, earlier, again]}).further == ()
    other = {"role": "user", "content": [text(), image("https://example.com/lion.jpg")]}
    (further,) = parse({"messages": [again, earlier, other]}).further
    assert (further.image_url, further.user_turn) == ("https://example.com/lion.jpg", 1)


def test_a_question_knows_where_its_form_keeps_question_and_photo() -> None:
    upload = "img_" + "0" * 32
    for value, question, photo in (
        (chat(text(), image()), "messages", "messages.0.content.1.image_url.url"),
        (chat(image(upload), text()), "messages", "messages.0.content.0.image_url.url"),
        (chat(text()), "messages", None),
        ({"image": URI, "prompt": "?"}, "prompt", "image"),
        ({"image_id": upload, "prompt": "?"}, "prompt", "image_id"),
    ):
        asked = parse(value)
        assert (asked.question_field, asked.photo_field) == (question, photo)


def test_errors_found_later_are_told_in_the_words_of_the_form() -> None:
    asked = CompletionRequest(
        (Turn("user", "?"),), EncodedImage(PHOTO), question_field="prompt", photo_field="image"
    )

    def param(error: errors.ShopsightError) -> str | None:
        return asked.placed(error).param

    for photo_error in (errors.ImageUndecodable, errors.UnsupportedImageType):
        assert param(photo_error()) == "image"
    assert param(errors.PayloadTooLarge()) == "image"
    assert param(errors.ImageNotFound("image_id")) == "image"
    assert param(errors.ContextLengthExceeded("messages")) == "prompt"
    assert param(errors.InvalidField("messages.1.content")) == "prompt"
    assert param(errors.InvalidField("seed")) == "seed"
    assert param(errors.InvalidSchema("response_format")) == "response_format"
    shared = errors.ImageUndecodable()
    asked.placed(shared)
    assert shared.param is None, "others may have raised the same"
