"""Schemas: what is allowed passes as it is, and whatever else compilers choke on is refused by its
name."""

import contextlib
import json
import time
from typing import Any

import pytest

from contract.errors import InvalidSchema
from contract.schema import (
    ALLOWED,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ENUM_VALUES,
    MAX_PROPERTIES,
    check_schema,
)

TEXT = {"type": "string"}
CARD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Card",
    "description": "What a product is.",
    "type": "object",
    "$defs": {"Colour": {"type": "string", "enum": ["red", "蓝"], "title": "Colour"}},
    "properties": {
        "kind": {"const": "bag", "type": "string"},
        "colours": {"type": "array", "items": {"$ref": "#/$defs/Colour"}, "maxItems": 3},
        "price": {"type": "number", "minimum": 0, "exclusiveMaximum": 1e6, "default": 1},
        "made": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "size": {"type": ["integer", "null"], "minimum": 1},
        "name": {"type": "string", "minLength": 1, "maxLength": 80, "examples": ["Tote"]},
        "pair": {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False},
        "more": {"type": "object", "additionalProperties": {"type": "boolean"}},
    },
    "required": ["kind", "colours"],
    "additionalProperties": False,
}


def object_of(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        CARD,
        {},
        {"enum": [1, 1.5, None, True, "a"]},
        {"type": "object", "properties": {"again": {"$ref": "#"}}},
        {"definitions": {"A": TEXT}, "$ref": "#/definitions/A", "description": "x"},
        {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, TEXT]}}, "$ref": "#/$defs/A"},
        {"description": "Smaller than: a < b | c > d."},
    ],
)
def test_what_is_promised_passes_with_its_keys_in_order(schema: dict[str, Any]) -> None:
    passed = check_schema(schema)
    assert json.loads(passed) == schema
    assert json.dumps(json.loads(passed)) == json.dumps(schema)


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"type": "integer", "multipleOf": 99999991}, "multipleOf"),
        ({"type": "string", "pattern": "(a|aa)+$"}, "pattern"),
        ({"allOf": [TEXT]}, "allOf"),
        ({"oneOf": [TEXT]}, "oneOf"),
        ({"not": TEXT}, "not"),
        ({"if": TEXT}, "if"),
        ({"patternProperties": {"a": TEXT}}, "patternProperties"),
        ({"propertyNames": TEXT}, "propertyNames"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "contains": TEXT}, "contains"),
        ({"type": "object", "minProperties": 2}, "minProperties"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"type": "string", "nullable": True}, "nullable"),
        ({"$id": "https://example.com/a", "type": "string"}, "$id"),
        ({"$dynamicRef": "#a"}, "$dynamicRef"),
        ({"anyOf": [TEXT], "properties": {"a": TEXT}}, "anyOf beside properties"),
        ({"$defs": {"A": TEXT}, "$ref": "#/$defs/A", "maxLength": 3}, "$ref beside maxLength"),
        ({"enum": ["a"], "minLength": 1}, "enum beside minLength"),
        ({"x-guidance": {"whitespace_flexible": True}}, None),
        ({"<script>": 1}, None),
    ],
)
def test_what_is_not_is_refused_by_its_name_at_any_depth(
    schema: dict[str, Any], name: str | None
) -> None:
    places = [schema, {"type": "array", "prefixItems": [schema]}, {"anyOf": [schema]}]
    if "$defs" not in schema:
        places += [object_of(schema), {"type": "array", "items": schema}, {"$defs": {"A": schema}}]
    for place in places:
        if "$defs" in schema and place is not schema:
            continue  # its reference leads to the root's definitions
        with pytest.raises(InvalidSchema) as caught:
            check_schema(place)
        assert caught.value.unsupported == name
        assert caught.value.param == "response_format"


CONTROL = [
    "<|im_end|>", "a<|IM_START|>b", "< |endoftext| >", "<｜end▁of▁sentence｜>", "</think>",
    "<tool_call>", "[INST]", "</s>", "<start_of_turn>",
]  # fmt: skip


@pytest.mark.parametrize("token", CONTROL)
def test_control_tokens_are_no_text_of_an_answer(token: str) -> None:
    for schema in (
        {"const": token},
        {"enum": ["a", token]},
        object_of({"enum": [token]}),
        {"type": "object", "properties": {token: TEXT}},
        {"type": "object", "required": [token]},
        {"$defs": {token: TEXT}},
        {"default": token},
        {"description": f"say {token}"},
    ):
        with pytest.raises(InvalidSchema):
            check_schema(schema)


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth - 1):
        schema = {"type": "array", "items": schema}
    return schema


BEYOND = [
    nested(MAX_DEPTH + 1),
    {"type": "object", "properties": {f"p{n}": {} for n in range(MAX_PROPERTIES + 1)}},
    {"enum": list(range(MAX_ENUM_VALUES + 1))},
    {"description": "x" * MAX_BYTES},
    {"description": "长" * (MAX_BYTES // 3)},
    {"const": "x" * 501},
    {"type": "string", "maxLength": 4097},
    {"type": "array", "minItems": 10**9},
    {"type": "string", "minLength": True},
    {"type": "string", "minLength": -1},
    {"type": "integer", "maximum": 10**16},
    {"type": "number", "minimum": 1e-300},
    {"type": "number", "minimum": True},
    {"anyOf": [{}] * 51},
    {"anyOf": []},
    {"enum": []},
    {"type": []},
    {"enum": [{"a": 1}]},
    {"const": [1]},
    {"type": "colour"},
    {"type": ["string", 1]},
    {"type": "string", "format": "regex"},
    {"required": "a"},
    {"required": [1]},
    {"properties": []},
    {"properties": {"a": "string"}},
    {"items": [TEXT]},
    {"additionalProperties": 1},
    {"$ref": "https://example.com/a.json"},
    {"$ref": "#/properties/a", "$defs": {}},
    {"$ref": "#/$defs/nowhere"},
    {"$ref": 1},
    {"$ref": "#"},
    {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
]


@pytest.mark.parametrize("schema", BEYOND, ids=lambda schema: json.dumps(schema)[:40])
def test_what_is_too_much_or_no_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchema):
        check_schema(schema)


def test_at_the_limits_it_passes() -> None:
    for schema in (
        nested(MAX_DEPTH),
        {"type": "object", "properties": {f"p{n}": {} for n in range(MAX_PROPERTIES)}},
        {"enum": list(range(MAX_ENUM_VALUES))},
        {"type": "string", "maxLength": 4096, "minLength": 0},
    ):
        assert json.loads(check_schema(schema)) == schema


def test_the_costliest_check_is_a_few_milliseconds_of_cpu() -> None:
    """A chain of references, followed from each of its links."""
    chain = {f"{n}": {"$ref": f"#/$defs/{n + 1}"} for n in range(400)}
    schema = {"$defs": {**chain, "400": TEXT}, "$ref": "#/$defs/0"}
    began = time.process_time()
    check_schema(schema)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("keyword", sorted(ALLOWED))
def test_a_keyword_with_a_value_of_any_kind_passes_or_is_refused(keyword: str) -> None:
    for value in (None, True, 1, -1.5, "a", "#/$defs/a", [], [[]], [{}], ["a"], {}, {"a": {}}):
        for place in ({keyword: value}, {"$defs": {"a": {keyword: value}}, "$ref": "#/$defs/a"}):
            with contextlib.suppress(InvalidSchema):
                assert json.loads(check_schema(place)) == place
