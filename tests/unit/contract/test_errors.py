import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from contract import errors, http_protocol
from contract.errors import InvalidField, ShopsightError
from contract.http import install_error_handlers
from contract.images import MAX_DECLARED_PIXELS, MAX_IMAGE_BYTES, MAX_WEBP_PIXELS
from contract.products.forms import parse_card_form, parse_match
from contract.request import parse_completion, parse_form
from contract.text.language import language_of, preferred_language
from gateway import errors as gateway_errors
from gateway.batch.form import parse_batch
from gateway.canary import errors as canary_errors
from gateway.feedback.form import parse_vote
from gateway.images.remote import errors as remote_errors
from gateway.moderation.form import parse_moderation


def leaves(base: type[ShopsightError] = ShopsightError) -> list[type[ShopsightError]]:
    below = [leaf for child in base.__subclasses__() for leaf in leaves(child)]
    return ([base] if "code" in vars(base) and base is not ShopsightError else []) + below


def test_every_error_has_a_code_of_its_own_and_both_languages() -> None:
    codes = [leaf.code for leaf in leaves()]
    assert len(codes) == len(set(codes)) > 20
    for leaf in leaves():
        assert 400 <= leaf.status < 600
        # A field, the scope that is missing, or why a canary is refused.
        for argument in canary_errors.WHY if leaf is canary_errors.CanaryRefused else ("ask",):
            error = leaf(argument)
            assert error.body("zh")["error"]["message"] != error.body("en")["error"]["message"]


def test_the_tree_in_the_docstring_names_every_error() -> None:
    modules = (errors, gateway_errors, canary_errors, remote_errors, http_protocol)
    told = " ".join(module.__doc__ or "" for module in modules)
    for leaf in leaves():
        if leaf is not errors.ModelNotFound:
            assert leaf.__name__ in told, leaf


def test_the_shape_is_openais() -> None:
    assert errors.InvalidField("question").body("en")["error"].keys() == {
        "message",
        "type",
        "code",
        "param",
    }


def test_only_full_servers_and_hasty_callers_are_asked_to_retry() -> None:
    for leaf in leaves():
        hasty = leaf in (gateway_errors.RequestUnderWay, remote_errors.ImageUrlChanged)
        hasty = hasty or leaf.status == 429
        assert (leaf.retry_after_s is not None) == (hasty or leaf.status == 503)


def test_the_asker_s_language_is_seen() -> None:
    assert language_of("这个 LV 包是真皮吗?") == "zh"
    assert language_of("Is it leather?") == "en"
    assert language_of("?! 42") == "other"
    assert language_of("これは本革ですか?") == "other"
    assert language_of("이 가방은 眞皮?") == "other"
    assert language_of("iPhoneですか") == "other"
    assert language_of("花の语是什么牌子?") == "zh"


@pytest.mark.parametrize(("header", "language"), [
    (None, "en"),
    ("", "en"),
    ("fr, zh-CN;q=0.9, en;q=0.8", "zh"),
    ("en;q=0.1, zh-CN;q=0.9", "zh"),
    ("zh;q=0.1, en-GB;q=0.9", "en"),
    ("zh;q=0, en", "en"),
    ("en;q=0, zh;q=0.001", "zh"),
    ("zh, en", "zh"),
    ("en, zh", "en"),
    ("zh-TW;q=0.8, en;q=0.8", "zh"),
    ("en;q=0.5, zh, en", "zh"),
    ("zh-CN;q=0, zh;q=0.7, en;q=0.6", "zh"),
    ("fr;q=1, zh;q=0", "en"),
    ("fr, en;q=0", "en"),
    ("en;q=0, *", "zh"),
    ("zh;q=0.2, *;q=0.5", "en"),
    ("*, zh;q=0.9", "en"),
    ("EN ; Q = 0.2 , ZH_CN ; Q=0.3", "zh"),
    ("en;q=.2,zh;q=1.", "zh"),
    ("zh;level=1;q=0.1, en;q=0.2", "en"),
    # What no client should send.
    ("zh;q=high, en;q=0.9", "zh"),
    ("zh;q=-1, en;q=0.9", "zh"),
    ("zh;q=nan, en;q=inf", "zh"),
    ("en;q=7, zh;q=9", "en"),
    (";;q=1,,=,zh;;q=0.5,\u00e9\x00", "zh"),
    ("enm, zhx;q=0.9", "en"),
    ("zhx, enm", "en"),
    (f"en;{'x' * 100}, zh;q=0.1", "zh"),
    ("fr," * 32 + "zh", "en"),
])  # fmt: skip
def test_the_language_that_a_browser_prefers(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


def chat(**more: Any) -> Callable[[], object]:
    body = {"messages": [{"role": "user", "content": "Is it leather?"}], **more}
    return lambda: parse_completion(json.dumps(body).encode())


TURN = {"role": "user", "content": "x"}
PHOTO = {"type": "image_url", "image_url": {"url": "QUJD"}}
VOTE = {"interaction_id": "0" * 32, "vote": "up"}
BATCH = {"input_file_id": "f", "endpoint": "e", "completion_window": "24h"}
# A field that may not be named, within one that may.
STRAY = {"name": "n", "schema": {}, "my secret": 1}


@pytest.mark.parametrize(("ask", "en", "zh"), [
    (
        lambda: parse_form({"question": "What?"}, None),
        "The photo is missing (field 'photo').",
        "缺少照片（字段 photo）。",
    ),
    (
        lambda: parse_form({"question": "x" * 3000, "image_id": f"img_{'0' * 32}"}, None),
        "The question is longer than 2,000 characters (field 'question').",
        "问题超过了 2000 个字符（字段 question）。",
    ),
    (
        lambda: parse_form({"question": " ", "image_id": f"img_{'0' * 32}"}, None),
        "The question is missing (field 'question').",
        "缺少问题（字段 question）。",
    ),
    (
        lambda: parse_match(json.dumps({"text": "\u200b", "image": "QUJD"}).encode(), "en"),
        "The text is missing (field 'text').",
        "缺少文字（字段 text）。",
    ),
    (
        lambda: parse_moderation(json.dumps({"input": ["x", ""]}).encode()),
        "The input is missing (field 'input.1').",
        "缺少输入内容（字段 input.1）。",
    ),
    (
        lambda: parse_completion(json.dumps({"prompt": "x" * 2001, "image": "QUJD"}).encode()),
        "The question is longer than 2,000 characters (field 'prompt').",
        "问题超过了 2000 个字符（字段 prompt）。",
    ),
    (
        lambda: parse_match(json.dumps({"text": "x" * 501, "image": "QUJD"}).encode(), "en"),
        "The text is longer than 500 characters (field 'text').",
        "文字超过了 500 个字符（字段 text）。",
    ),
    (
        lambda: parse_vote(json.dumps({**VOTE, "reason": "x" * 501}).encode()),
        "The reason is longer than 500 characters (field 'reason').",
        "理由超过了 500 个字符（字段 reason）。",
    ),
    (
        lambda: parse_moderation(json.dumps({"input": ["x", "x" * 12_001]}).encode()),
        "The input is longer than 12,000 characters (field 'input.1').",
        "输入内容超过了 12000 个字符（字段 input.1）。",
    ),
    (
        lambda: parse_moderation(json.dumps({"input": ["x"] * 33}).encode()),
        "The input has more than 32 entries (field 'input').",
        "输入内容超过了 32 项（字段 input）。",
    ),
    (
        lambda: parse_batch(json.dumps({**BATCH, "metadata": {"a": "x" * 513}}).encode()),
        "The field 'metadata.a' is longer than 512 characters.",
        "字段 metadata.a 超过了 512 个字符。",
    ),
    (  # of what may not be named, its limit is not said of what it stands in
        lambda: parse_batch(json.dumps({**BATCH, "metadata": {"a b": "x" * 513}}).encode()),
        "The field 'metadata' cannot be accepted.",
        "字段 metadata 不符合要求。",
    ),
    (
        lambda: parse_card_form({"image": "QUJD"}, None, "en"),
        "The photo cannot be accepted (field 'image').",
        "照片不符合要求（字段 image）。",
    ),
    (chat(user="x" * 513), "The id of the user is longer than 512 characters (field 'user').",
     "用户 id 超过了 512 个字符（字段 user）。"),
    (chat(model="x" * 129), "The model is longer than 128 characters (field 'model').",
     "模型超过了 128 个字符（字段 model）。"),
    (chat(stop="x" * 101), "The field 'stop' is longer than 100 characters.",
     "字段 stop 超过了 100 个字符。"),
    (chat(stop=["x", "x" * 101]), "The field 'stop.1' is longer than 100 characters.",
     "字段 stop.1 超过了 100 个字符。"),
    (chat(stop=["x"] * 5), "The field 'stop' has more than 4 entries.",
     "字段 stop 超过了 4 项。"),
    (chat(messages=[TURN, {"role": "user", "content": "x" * 2001}]),
     "The text of a message is longer than 2,000 characters (field 'messages.1.content').",
     "消息内容超过了 2000 个字符（字段 messages.1.content）。"),
    (chat(messages=[{"role": "system", "content": "x" * 4001}, TURN]),
     "The text of a message is longer than 4,000 characters (field 'messages.0.content').",
     "消息内容超过了 4000 个字符（字段 messages.0.content）。"),
    (chat(messages=[{"role": "system", "content": "x" * n} for n in (1500, 2501)] + [TURN]),
     "The text of a message is longer than 2,500 characters (field 'messages.1.content').",
     "消息内容超过了 2500 个字符（字段 messages.1.content）。"),
    (chat(messages=[{"role": "user", "content": "x" * 2000}] * 7),
     "The conversation is longer than 12,000 characters (field 'messages').",
     "对话超过了 12000 个字符（字段 messages）。"),
    (chat(messages=[TURN] * 22), "The conversation has more than 21 entries (field 'messages').",
     "对话超过了 21 项（字段 messages）。"),
    (chat(messages=[TURN] * 24), "The conversation has more than 21 entries (field 'messages').",
     "对话超过了 21 项（字段 messages）。"),
    (chat(messages=[{**TURN, "content": [PHOTO] * 5}]),
     "More than 4 photos are shown (field 'messages.0.content.4.image_url.url').",
     "照片超过了 4 张（字段 messages.0.content.4.image_url.url）。"),
    (chat(messages=[None] * 100),
     "The conversation has more than 21 entries (field 'messages').",
     "对话超过了 21 项（字段 messages）。"),
    (chat(messages=None), "The conversation is missing (field 'messages').",
     "缺少对话（字段 messages）。"),
    (chat(messages=[{"role": "user"}]),
     "The text of a message is missing (field 'messages.0.content').",
     "缺少消息内容（字段 messages.0.content）。"),
    (chat(seed="x"), "The field 'seed' cannot be accepted.", "字段 seed 不符合要求。"),
    (chat(sede=1), "There is no field 'sede'.", "没有名为 sede 的字段。"),
    (chat(photo=1), "There is no field 'photo'.", "没有名为 photo 的字段。"),
    (chat(**{"my secret": 1}), "A field is unknown.", "有未知的字段。"),
    (
        chat(response_format={"type": "json_schema", "json_schema": STRAY}),
        "The field 'response_format.json_schema' cannot be accepted.",
        "字段 response_format.json_schema 不符合要求。",
    ),
])  # fmt: skip
def test_a_field_at_fault_is_named_with_its_fault_in_the_asker_s_language(
    ask: Callable[[], object], en: str, zh: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        ask()
    assert (caught.value.message("en"), caught.value.message("zh")) == (en, zh)


ZH, EN = ({"role": "user", "content": words} for words in ("是真皮吗?", "Is it leather?"))


@pytest.mark.parametrize(("messages", "language"), [
    ([ZH], "zh"),
    ([EN], None),
    ([ZH, EN], None),
    ([EN, ZH], "zh"),
    ([ZH, {"role": "user", "content": "42?"}], "zh"),
    ([{**ZH, "role": "system"}, EN, {**ZH, "role": "assistant"}, EN], None),
    ([{**ZH, "role": "me"}], "zh"),
])  # fmt: skip
def test_a_conversation_s_language_is_that_of_its_asker_s_last_words(
    messages: list[dict[str, str]], language: str | None
) -> None:
    with pytest.raises(InvalidField) as caught:
        chat(messages=messages, seed="x")()
    assert caught.value.language == language


async def test_a_lone_replica_tells_it_in_the_language_of_the_question() -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/")
    async def ask(request: Request) -> None:
        parse_completion(await request.body())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://r") as client:
        answer = await client.post("/", json={"prompt": "是真皮吗?"})
    assert answer.json()["error"]["message"] == "缺少照片（字段 image）。"


def test_what_is_too_large_is_told_its_limit() -> None:
    for error, numbers in (
        (errors.PayloadTooLarge(), (MAX_IMAGE_BYTES // 1024**2,) * 2),
        (errors.ImageTooManyPixels(), (MAX_DECLARED_PIXELS // 10**6, MAX_DECLARED_PIXELS // 10**4)),
        (errors.ImageTooManyPixels(), (MAX_WEBP_PIXELS // 10**6, MAX_WEBP_PIXELS // 10**4)),
    ):
        for language, number in zip(("en", "zh"), numbers, strict=True):
            assert f" {number} " in error.message(language)


def test_no_message_sends_its_reader_to_the_programmer_s_param() -> None:
    for leaf in leaves():
        argument = "canary" if leaf is canary_errors.CanaryRefused else "photo"
        error = leaf(next(iter(canary_errors.WHY)) if argument == "canary" else argument)
        for language in ("en", "zh"):
            assert error.message(language), leaf
            assert "param" not in error.message(language), leaf
