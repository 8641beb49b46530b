"""The description as a page for people: one self-contained piece of HTML without a script."""

import json
from functools import cache
from html import escape
from typing import Any

from gateway.api.reference.document import REF, document

_MARKDOWN_CODE = "`"
_BOUNDS = (
    *(("minimum", "from"), ("maximum", "to")),
    *(("minLength", "at least"), ("maxLength", "up to")),
)


@cache
def page() -> str:
    told = document()
    operations = [
        (method.upper(), path, operation)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    index = "".join(
        f'<li><a href="#{operation["operationId"]}"><code>{method} {escape(path)}</code></a></li>'
        for method, path, operation in operations
    )
    schemas = told["components"]["schemas"]
    parts = [_operation(method, path, operation) for method, path, operation in operations]
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(told['info']['title'])}: reference</title>"
        '<link rel="stylesheet" href="theme.css"><link rel="stylesheet" href="reference.css">'
        f"</head><body><main><h1>{escape(told['info']['title'])} {told['info']['version']}</h1>"
        f"<p>{_words(told['info']['description'])}</p>"
        '<p>For programs: <a href="openapi.json"><code>openapi.json</code></a>.</p>'
        f"<ul>{index}</ul>{''.join(parts)}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (f"in the {parameter['in']}", parameter["name"], _type(parameter["schema"]))
        for parameter in operation.get("parameters", [])
    ]
    rows += [
        ("body", media, _type(content["schema"]))
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    taken = "".join(
        f"<tr><td>{where}</td><td><code>{escape(name)}</code></td><td>{kind}</td></tr>"
        for where, name, kind in rows
    )
    answers = "".join(
        f"<tr><td>{status}</td><td>{_answer(response)}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return (
        f'<section id="{operation["operationId"]}"><h2><code>{method} {escape(path)}</code></h2>'
        f"<p>{_words(operation['summary'])}</p>"
        + (f"<table><caption>Takes</caption>{taken}</table>" if taken else "")
        + "".join(f"<pre>{escape(example)}</pre>" for example in _examples(operation))
        + f"<table><caption>Answers</caption>{answers}</table></section>"
    )


def _examples(operation: dict[str, Any]) -> list[str]:
    return [
        json.dumps(example["value"], ensure_ascii=False, indent=2)
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]


def _answer(response: dict[str, Any]) -> str:
    contents = response["content"]
    if any("allOf" in content.get("schema", {}) for content in contents.values()):
        return _words(response["description"])
    kinds = (
        f"<code>{media}</code> {_type(content.get('schema', {}))}"
        for media, content in contents.items()
    )
    return ", or ".join(kinds)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else ' <i>optional</i>'}"
        f"</td><td>{_type(kind)}</td><td>{_words(kind.get('description', ''))}</td></tr>"
        for field, kind in schema.get("properties", {}).items()
    )
    words = _words(schema.get("description", ""))
    return f'<section id="{name}"><h2>{name}</h2><p>{words}</p><table>{rows}</table></section>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(kind) for kind in schema[several])
    if "const" in schema:
        return f"<code>{escape(repr(schema['const']))}</code>"
    if "enum" in schema:
        return " · ".join(f"<code>{escape(repr(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and schema.get("properties"):
        return ", ".join(f"<code>{escape(name)}</code>" for name in schema["properties"])
    bounds = [f"{word} {schema[name]}" for name, word in _BOUNDS if name in schema]
    kinds = schema.get("type", "anything")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    return " ".join([kind, *bounds])


def _words(text: str) -> str:
    """Plain text, of whose Markdown only `code` counts."""
    pieces = escape(text).split(_MARKDOWN_CODE)
    return "".join(
        f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces)
    )
