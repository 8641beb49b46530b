import json
from collections.abc import Callable
from typing import Any

import pytest

from contract import errors, http_protocol
from contract.errors import InvalidField, ShopsightError
from contract.request import parse_completion, parse_form
from contract.text.language import language_of, preferred_language
from gateway import errors as gateway_errors
from gateway.canary import errors as canary_errors
from gateway.images.remote import errors as remote_errors


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
        "The question cannot be accepted (field 'question').",
        "问题不符合要求（字段 question）。",
    ),
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


def test_no_message_sends_its_reader_to_the_programmer_s_param() -> None:
    for leaf in leaves():
        argument = "canary" if leaf is canary_errors.CanaryRefused else "photo"
        error = leaf(next(iter(canary_errors.WHY)) if argument == "canary" else argument)
        for language in ("en", "zh"):
            assert error.message(language), leaf
            assert "param" not in error.message(language), leaf
