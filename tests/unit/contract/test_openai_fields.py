"""contract/fields.py: what of OpenAI's form is ignored and what is refused by name, and the values
that OpenAI takes."""

import json
import re
from typing import Any, get_type_hints

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from contract import fields
from contract.completion import CompletionRequest, Sampling
from contract.errors import InvalidField, InvalidJSON
from contract.forms import ChatRequest
from contract.request import parse_completion
from tests.support import ROOT
from tests.unit.contract.test_request import URI, chat, image, parse, text

PLAIN = parse(chat(text(), image()))
IGNORED: dict[str, Any] = {
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "皮"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
    "safety_identifier": "s",
    "service_tier": "auto",
    "store": True,
}
HARMLESS: list[tuple[str, Any]] = [
    ("frequency_penalty", 0),
    ("frequency_penalty", 0.0),
    ("function_call", "none"),
    ("functions", []),
    ("logit_bias", {}),
    ("min_p", 0),
    ("modalities", ["text"]),
    ("n", 1),
    ("presence_penalty", 0),
    ("tool_choice", "auto"),
    ("tool_choice", "none"),
    ("tools", []),
]
TOOL = {"type": "function", "function": {"name": "zebra"}}
REFUSED: list[tuple[str, Any]] = [
    ("audio", {"voice": "zebra", "format": "mp3"}),
    ("frequency_penalty", 0.5),
    ("frequency_penalty", False),
    ("function_call", {"name": "zebra"}),
    ("functions", [{"name": "zebra"}]),
    ("logit_bias", {"50256": -100}),
    ("min_p", 0.1),
    ("modalities", ["text", "audio"]),
    ("moderation", {"model": "zebra"}),
    ("n", 0),
    ("n", 2),
    ("n", True),
    ("presence_penalty", -1),
    ("reasoning_effort", "low"),
    ("tool_choice", "required"),
    ("tool_choice", TOOL),
    ("tools", [TOOL]),
    ("verbosity", "high"),
    ("web_search_options", {}),
]


@pytest.mark.parametrize("name", sorted(fields.REQUEST.ignored))
def test_a_field_that_changes_nothing_is_ignored(name: str) -> None:
    assert parse(chat(text(), image(), **{name: IGNORED[name]})) == PLAIN
    assert parse({"image": URI, "prompt": "这是什么?", name: IGNORED[name]}).turns == PLAIN.turns


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_a_field_is_ignored_where_its_value_changes_nothing(name: str, value: Any) -> None:
    assert parse(chat(text(), image(), **{name: value})) == PLAIN


@pytest.mark.parametrize(("name", "value"), REFUSED)
@pytest.mark.parametrize("form", [chat(text()), {"image": URI, "prompt": "?"}], ids=["chat", "sh"])
def test_what_would_change_the_answer_is_refused_by_name(
    form: dict[str, Any], name: str, value: Any
) -> None:
    with pytest.raises(InvalidField) as caught:
        parse({**form, name: value})
    error = caught.value
    assert (error.status, error.param) == (400, name)
    assert error.message("en") == f"'{name}' is not supported."
    assert name in error.message("zh")
    assert "不支持" in error.message("zh")
    assert "zebra" not in json.dumps(error.body("en"))


@pytest.mark.parametrize("name", sorted(fields.REQUEST.refused))
def test_each_refused_field_has_its_case(name: str) -> None:
    assert name in {refused for refused, _ in REFUSED}
    assert bool(fields.REQUEST.refused[name]) == (name in {each for each, _ in HARMLESS})


def test_every_field_of_the_official_client_is_read_ignored_or_refused_by_name() -> None:
    known = {*ChatRequest.model_fields, *fields.REQUEST.ignored, *fields.REQUEST.refused}
    assert get_type_hints(CompletionCreateParamsStreaming).keys() <= known


@pytest.mark.parametrize(
    "name",
    sorted({*ChatRequest.model_fields, *fields.REQUEST.refused, *IGNORED, "foo"} - {"messages"}),
)
def test_null_is_absent(name: str) -> None:
    assert parse(chat(text(), image(), **{name: None})) == PLAIN


def test_null_is_absent_in_every_object() -> None:
    value = chat(
        {**text(), "cache_control": None, "foo": None},
        {**image(), "text": None},
        stream_options={"include_usage": None, "include_obfuscation": None},
        response_format={"type": "text", "json_schema": None},
    )
    value["messages"][0].update(name=None, tool_calls=None, refusal=None, annotations=None)
    value["messages"][0]["content"][1]["image_url"]["detail"] = None
    assert parse(value) == PLAIN
    assert parse({"messages": None, "image": URI, "prompt": "这是什么?"}).turns == PLAIN.turns


def test_null_in_a_schema_is_the_schema_s() -> None:
    schema = {"enum": ["a", None], "default": None}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": None}}
    assert json.loads(parse(chat(text(), response_format=wanted)).sampling.schema or "") == schema


def test_what_does_not_matter_inside_is_ignored_too() -> None:
    value = chat(
        {**text(), "prompt_cache_breakpoint": {"mode": "explicit"}},
        {**image(), "cache_control": {"type": "ephemeral"}},
        stream_options={"include_obfuscation": False},
        user="u",
    )
    value["messages"][0]["name"] = "anna"
    value["messages"][0]["content"][1]["image_url"]["detail"] = "original"
    assert parse(value).turns == PLAIN.turns
    assert parse(value).user == "u"
    assert parse({"image": URI, "prompt": "?", "user": "u"}).user == "u"


@pytest.mark.parametrize("role", ["tool", "function"])
def test_a_tool_s_turn_is_refused_by_name(role: str) -> None:
    turn = {"role": role, "content": "zebra", "tool_call_id": "1", "name": "f"}
    with pytest.raises(InvalidField) as caught:
        parse({"messages": [*chat(text())["messages"], turn]})
    assert (caught.value.param, caught.value.unsupported) == ("messages.1.role", role)


@pytest.mark.parametrize("kind", ["input_audio", "file", "video_url", "audio_url"])
def test_a_part_of_another_kind_is_refused_by_name(kind: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse(chat(text(), {"type": kind, kind: {"data": "zebra"}}))
    error = caught.value
    assert (error.param, error.unsupported) == ("messages.0.content.1.type", kind)


def test_developer_is_another_name_of_system() -> None:
    def instructed(role: str) -> CompletionRequest:
        return parse(
            {"messages": [{"role": role, "content": "be brief"}, *chat(text())["messages"]]}
        )

    assert instructed("developer") == instructed("system")
    assert instructed("developer").turns[0].role == "system"


def sampling(**values: Any) -> Sampling:
    return parse(chat(text(), **values)).sampling


def test_a_top_p_of_nothing_leaves_the_likeliest_token() -> None:
    assert sampling(top_p=0, temperature=1) == sampling(temperature=0) == sampling()


@pytest.mark.parametrize("seed", [-1, -(2**63), 0, 2**63 - 1])
def test_any_seed_of_64_bits_is_taken(seed: int) -> None:
    assert sampling(seed=seed, temperature=1).seed == seed


def test_no_stop_is_no_stop() -> None:
    assert sampling(stop=None) == sampling(stop=[]) == sampling()
    assert sampling(stop="a").stop == sampling(stop=["a"]).stop == ("a",)


def test_the_newer_name_of_max_tokens_counts() -> None:
    assert sampling(max_tokens=9, max_completion_tokens=5).max_tokens == 5
    assert sampling(max_tokens=9, max_completion_tokens=None).max_tokens == 9
    asked = parse({"image": URI, "prompt": "?", "max_completion_tokens": 5})
    assert asked.sampling.max_tokens == 5


def test_a_schema_keeps_the_order_of_its_keys() -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    asked = parse(chat(text(), response_format=wanted))
    assert list(json.loads(asked.sampling.schema or "")["properties"]) == ["b", "a"]
    sent = asked.wire()["response_format"]["json_schema"]["schema"]
    assert list(sent["properties"]) == ["b", "a"]
    assert parse(asked.wire()) == asked


def test_any_json_object_may_be_asked_for() -> None:
    asked = parse(chat(text(), response_format={"type": "json_object"}))
    assert json.loads(asked.sampling.schema or "") == {"type": "object"}
    assert asked.wire()["response_format"] == {"type": "json_object"}
    assert parse(asked.wire()) == asked
    assert parse(chat(text(), response_format={"type": "text"})).sampling.schema is None


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9e99999"])
@pytest.mark.parametrize(
    "body", ['{"temperature": %s}', '{"metadata": {"a": [%s]}}', '{"response_format": {"m": %s}}']
)
def test_a_number_that_overflows_is_no_json(body: str, number: str) -> None:
    with pytest.raises(InvalidJSON):
        parse_completion((body % number).encode())


def test_the_document_lists_what_is_ignored_and_what_is_refused() -> None:
    document = (ROOT / "docs" / "integrators.md").read_text()

    def listed(heading: str) -> set[str]:
        paragraph = document.partition(f"**{heading}**")[2].partition("\n\n")[0]
        return {name.split(":")[0] for name in re.findall(r"`([^`]+)`", paragraph)}

    parts = (fields.STREAM_OPTIONS, fields.MESSAGE, fields.PART, fields.IMAGE_URL)
    inside = {name for part in (*parts, fields.JSON_SCHEMA) for name in part.ignored}
    answer = {*fields.ANSWER.ignored, *fields.ANSWER.refused}
    assert listed("Ignored") == {*fields.REQUEST.ignored, *inside}
    harmless = {name for name, values in fields.REQUEST.refused.items() if values}
    assert listed("Ignored at these values") == harmless
    refused = {*fields.REQUEST.refused, *fields.REFUSED_PARTS, *fields.REFUSED_ROLES}
    assert listed("Refused by name") == refused
    assert listed("Answers sent back") == {*answer, "content", "refusal"}
