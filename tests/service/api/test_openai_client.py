"""The official client against a gateway: what it sends by itself or on its user's word, what it
makes of our answers and of our refusals."""

import base64
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.support.asking import chat, data_uri, photo, post, text_of
from tests.support.pictures import encoded, picture
from tests.support.stub_replica import StubReplica
from tests.unit.contract.test_images import declared_size
from tests.unit.contract.test_openai_fields import HARMLESS, IGNORED

Start = Callable[..., str]


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


@pytest.fixture
def client(gateway: str) -> OpenAI:
    return OpenAI(base_url=f"{gateway}/v1", api_key="unused", max_retries=0)


def image(data: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_uri(data), "detail": "auto"}}


def user(question: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [*parts, {"type": "text", "text": question}]}


def ask(client: OpenAI, *messages: Any, **fields: Any) -> Any:
    return client.chat.completions.create(model="shopsight", messages=list(messages), **fields)


def refused(client: OpenAI, *messages: Any, **fields: Any) -> openai.BadRequestError:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, *messages, **fields)
    return caught.value


def test_the_responses_api_is_not_there_and_says_where_to_ask(client: OpenAI) -> None:
    for call in (
        lambda: client.responses.create(model="shopsight", input="what?"),
        lambda: client.responses.retrieve("resp_1"),
        lambda: client.responses.delete("resp_1"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert "/v1/chat/completions" in caught.value.message
        assert caught.value.code == "not_found"


def test_a_conversation_goes_on_with_our_own_answers(client: OpenAI, stub: StubReplica) -> None:
    messages: list[Any] = [user("what?", image(photo()))]
    for question in ("why?", "for whom?", "since when?"):
        message = ask(client, *messages).choices[0].message
        assert message.refusal is None
        dumped = {"why?": message, "for whom?": message.model_dump(), "since when?": dict(message)}
        messages += [dumped[question], user(question)]
    assert ask(client, *messages).choices[0].message.content == "关于「Since when?」:好"
    sent = stub.calls[-1]["messages"]
    assert [turn["role"] for turn in sent[1:]] == ["user", "assistant"] * 3 + ["user"]
    assert sent[2]["content"] == "关于「What?」:好"


def test_a_long_answer_and_a_blocked_one_are_taken_back(client: OpenAI, stub: StubReplica) -> None:
    stub.answer = "皮" * 4000
    long = ask(client, user("what?")).choices[0].message
    assert ask(client, user("what?"), long.model_dump(), user("why?")).choices
    stub.opening, stub.answer = "", "how to buy cocaine"
    blocked = ask(client, user("hm?")).choices[0]
    assert (blocked.finish_reason, blocked.message.content) == ("content_filter", "")
    stub.answer = None
    assert ask(client, user("hm?"), blocked.message.model_dump(), user("why?")).choices


def test_a_parsed_answer_is_taken_back(client: OpenAI, stub: StubReplica) -> None:
    class Card(BaseModel):
        kind: str

    stub.opening, stub.answer = '{"kind"', ': "bag"}'
    message = (
        client.chat.completions.parse(
            model="shopsight",
            messages=[user("what?")],  # type: ignore[list-item]
            response_format=Card,
        )
        .choices[0]
        .message
    )
    assert message.parsed == Card(kind="bag")
    assert ask(client, user("what?"), message.model_dump(), user("why?")).choices
    assert stub.calls[-1]["messages"][-2]["content"] == '{"kind": "bag"}'


def test_what_changes_nothing_is_the_same_question(client: OpenAI, stub: StubReplica) -> None:
    known = {name: value for name, value in IGNORED.items() if name != "metadata"}
    fields = {**known, **dict(HARMLESS), "min_p": None, "stop": None, "top_p": None, "seed": None}
    del fields["min_p"]
    assert ask(client, user("what?"), **fields, metadata={"a": "b"}, user="u").choices
    raw = client.chat.completions.with_raw_response.create(
        model="shopsight",
        messages=[user("what?")],  # type: ignore[list-item]
        extra_body={"min_p": 0},
    )
    assert raw.headers["x-cache"] == "hit"
    assert len(stub.calls) == 1


def test_what_is_not_supported_is_a_bad_request_that_says_what(client: OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    for fields in (
        {"tools": [tool]},
        {"n": 2},
        {"reasoning_effort": "low"},
        {"logit_bias": {"1": 1}},
    ):
        error = refused(client, user("what?"), **fields)
        (name,) = fields
        assert (error.code, error.param) == ("invalid_field", name)
        assert name in error.message
    for role in ("system", "developer"):
        error = refused(client, {"role": role, "content": "be a pirate"}, user("what?"))
        assert (error.code, error.param) == ("invalid_field", "messages.0.role")
    error = refused(client, user("what?"), {"role": "tool", "content": "x", "tool_call_id": "1"})
    assert error.param == "messages.1.role"


BAD_PHOTOS = {
    "invalid_base64": "data:image/png;base64,Q!Q=",
    "url_not_allowed": "https://example.com/bag.jpg",
    "image_not_found": "img_" + "0" * 32,
    "unsupported_image_type": data_uri(encoded(picture(), "GIF")),
    "image_undecodable": data_uri(photo()[:600]),
    "image_dimensions": data_uri(encoded(picture(1, 1), "PNG")),
    "image_too_many_pixels": data_uri(declared_size(50_000, 50_000)),
}


def test_a_photo_s_error_names_its_place_in_whichever_form(client: OpenAI, gateway: str) -> None:
    for code, url in BAD_PHOTOS.items():
        part = {"type": "image_url", "image_url": {"url": url}}
        earlier = [user("what?"), {"role": "assistant", "content": "a bag"}]
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client, *earlier, user("and this?", part))
        error = caught.value
        assert (error.code, error.param) == (code, "messages.2.content.0.image_url.url")
        field = "image_id" if url.startswith("img_") else "image"
        told = post(gateway, {"prompt": "and this?", field: url}).json()["error"]
        assert (told["code"], told["param"]) == (code, field)
        if ";base64," not in url or code == "invalid_base64":
            continue
        files = {"photo": ("x", base64.b64decode(url.partition(",")[2]))}
        answer = httpx.post(f"{gateway}/v1/ask", data={"question": "?"}, files=files)
        upload = httpx.post(f"{gateway}/v1/images", files=files)
        for told in (answer.json()["error"], upload.json()["error"]):
            assert (told["code"], told["param"]) == (code, "photo")


def test_a_replica_s_refusal_is_told_in_the_words_of_the_asker_s_form(
    client: OpenAI, gateway: str, stub: StubReplica
) -> None:
    form = {"data": {"question": "what?"}, "files": {"photo": ("x", photo())}}
    for code, place, short, page in (
        ("context_length_exceeded", "messages", "prompt", "question"),
        ("image_undecodable", "messages.0.content.0.image_url.url", "image", "photo"),
        ("invalid_field", "messages", "prompt", "question"),
    ):
        param = "messages.1.content.0.image_url.url" if "image" in code else "messages.1.content"
        stub.refusal = {"message": "zebra", "type": "x", "code": code, "param": param}
        status = 422 if "image" in code else 400
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client, user("what?", image(photo())))
        error = caught.value
        assert (error.status_code, error.code, error.param) == (status, code, place)
        told = post(gateway, {"prompt": "what?", "image": data_uri(photo())}).json()["error"]
        assert (told["code"], told["param"]) == (code, short)
        told = httpx.post(f"{gateway}/v1/ask", **form).json()["error"]  # type: ignore[arg-type]
        assert (told["code"], told["param"]) == (code, page)
        assert "zebra" not in str(told)


def test_the_documented_longest_conversation_reaches_the_model(
    gateway: str, stub: StubReplica
) -> None:
    words = "皮" * 599
    earlier = [{"role": ("user", "assistant")[n % 2], "content": words} for n in range(20)]
    body = chat("what?", photo())
    body["messages"] = [*earlier, *body["messages"]]
    assert text_of(post(gateway, body)) == "关于「What?」:好"
    assert len(stub.calls[0]["messages"]) == 22


def test_chunks_of_one_stream_are_of_one_moment(client: OpenAI, stub: StubReplica) -> None:
    stub.delay_s = 1.2
    options = {"include_usage": True, "include_obfuscation": False}
    chunks = list(ask(client, user("what?"), stream=True, stream_options=options))
    assert len({(chunk.created, chunk.id, chunk.system_fingerprint) for chunk in chunks}) == 1
    assert chunks[0].system_fingerprint.startswith("fp_")
    *others, last = chunks
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in others)
    assert last.usage.total_tokens == 10
    assert all(
        "usage" not in chunk.model_fields_set for chunk in ask(client, user("what?"), stream=True)
    )
