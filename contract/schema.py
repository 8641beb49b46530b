"""Which JSON schemas an answer may be asked to keep to. It lists what is allowed: a few dozen bytes
of what a compiler was not made for can occupy a core for ever."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from contract.errors import InvalidSchema
from contract.fields import is_plain_name
from contract.text.control_tokens import CONTROL_TOKEN

FIELD = "response_format"
# Of the schema as JSON in UTF-8. A product card's has about 2,000.
MAX_BYTES = 16_384
# Schemas within schemas; OpenAI's own limit.
MAX_DEPTH = 10
# In all of the schema together: 500 optional ones compile in 50 ms.
MAX_PROPERTIES = 500
MAX_ENUM_VALUES = 1_000
MAX_OPTIONS = 50
# Of a name or a value that the answer is to have, in characters.
MAX_TEXT_CHARS = 500
# Of minLength, maxLength, minItems and maxItems. No answer has so many tokens.
MAX_COUNT = 4_096
# Floats hold whole numbers exactly up to here, and smaller fractions have no digits of their own.
MAX_NUMBER = 10**15
MIN_FRACTION = 1e-9

# What describes, and constrains nothing.
ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"$schema", "$comment"}
)
TYPES = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
FORMATS = frozenset(
    {"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}
)
_DEFINITIONS = ("$defs", "definitions")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
ALLOWED = ANNOTATIONS | {*_COUNTS, *_BOUNDS, *_DEFINITIONS} | {
    "type", "enum", "const", "anyOf", "$ref", "format",
    "properties", "required", "additionalProperties", "items", "prefixItems",
}  # fmt: skip
# What may stand beside these. Other keywords would have to be intersected with them, and
# intersections are what compiles endlessly.
_BESIDE = {"anyOf": frozenset[str](), "$ref": frozenset[str](), "enum": {"type"}, "const": {"type"}}
# JSON schema's own words that are no plain names. Nothing else is repeated to who sent it.
_KNOWN = frozenset(
    {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary"}
)
_REF = re.compile(r"#(?:/(?:\$defs|definitions)/[^/%~]+)?")


def check_schema(schema: Any) -> str:
    """The schema as JSON, with its keys in their order: an answer has it, too. Raises
    InvalidSchema, which names the keyword that is not allowed."""
    if not isinstance(schema, dict):
        raise InvalidSchema(FIELD)
    text = json.dumps(schema, ensure_ascii=False)
    if len(text.encode()) > MAX_BYTES or any(map(CONTROL_TOKEN.search, texts(schema))):
        raise InvalidSchema(FIELD)
    _Check(schema).check()
    return json.dumps(schema)


def texts(value: Any) -> Iterator[str]:
    """Every name and every text in a JSON value."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item


class _Check:
    """One schema's keywords, and the counts over all of it."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._properties = 0
        self._values = 0

    def check(self) -> None:
        level: list[Any] = [self._root]
        depth = 0
        while level:
            depth += 1
            _require(depth <= MAX_DEPTH)
            level = [child for schema in level for child in self._children(schema)]
        _require(self._properties <= MAX_PROPERTIES and self._values <= MAX_ENUM_VALUES)

    def _children(self, schema: Any) -> list[Any]:
        """The schemas in this one, whose own keywords are checked."""
        if isinstance(schema, bool):
            return []
        _require(isinstance(schema, dict))
        for keyword in schema:
            if keyword not in ALLOWED:
                named = is_plain_name(keyword) or keyword in _KNOWN
                raise InvalidSchema(FIELD, unsupported=keyword if named else None)
        constraints = [word for word in schema if word not in ANNOTATIONS | set(_DEFINITIONS)]
        for keyword, beside in _BESIDE.items():
            others = [word for word in constraints if word != keyword and word not in beside]
            if keyword in schema and others:
                raise InvalidSchema(FIELD, unsupported=f"{keyword} beside {others[0]}")
        self._check_values(schema)
        children = [*_list(schema, "anyOf"), *_list(schema, "prefixItems")]
        _require(schema.get("anyOf") != [] and len(children) <= MAX_OPTIONS)
        for keyword in ("properties", *_DEFINITIONS):
            named_schemas = schema.get(keyword, {})
            _require(isinstance(named_schemas, dict))
            _require(all(_is_short(name) for name in named_schemas))
            self._properties += len(named_schemas)
            children += named_schemas.values()
        children += [schema[word] for word in ("items", "additionalProperties") if word in schema]
        return children

    def _check_values(self, schema: dict[str, Any]) -> None:
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        _require(all(isinstance(kind, str) and kind in TYPES for kind in kinds))
        _require(schema.get("type") != [])
        _require(all(_is_short(name) for name in _list(schema, "required")))
        for keyword in _COUNTS:
            count = schema.get(keyword, 0)
            _require(type(count) is int and 0 <= count <= MAX_COUNT)
        for keyword in _BOUNDS:
            _require(_is_number(schema.get(keyword, 0)))
        named = schema.get("format", "date")
        _require(isinstance(named, str) and named in FORMATS)
        values = [*_list(schema, "enum"), *([schema["const"]] if "const" in schema else [])]
        _require(schema.get("enum") != [] and all(map(_is_value, values)))
        self._values += len(values)
        if "$ref" in schema:
            self._check_reference(schema)

    def _check_reference(self, schema: dict[str, Any]) -> None:
        """It leads to a definition of the root, and not back to where it came from."""
        seen: set[int] = set()
        target: Any = schema
        while isinstance(target, dict) and "$ref" in target:
            _require(id(target) not in seen)
            seen.add(id(target))
            reference = target["$ref"]
            _require(isinstance(reference, str) and _REF.fullmatch(reference) is not None)
            _, *steps = reference.split("/")
            target = self._root
            for step in steps:
                _require(isinstance(target, dict) and step in target)
                target = target[step]


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    items = schema.get(keyword, [])
    _require(isinstance(items, list))
    return list(items)


def _is_short(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= MAX_TEXT_CHARS


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, bool) or _is_short(value) or _is_number(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    small = value != 0 and abs(value) < MIN_FRACTION
    return math.isfinite(value) and abs(value) <= MAX_NUMBER and not small


def _require(allowed: bool) -> None:
    if not allowed:
        raise InvalidSchema(FIELD)
