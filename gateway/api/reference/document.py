"""The API as an OpenAPI 3.1 document, made from the models that read requests and from the error
tree. Pure."""

import copy
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from contract.errors import ShopsightError
from contract.images import MAX_IMAGE_BYTES
from gateway.api.multipart import PHOTO_FIELD
from gateway.api.reference.answers import ErrorAnswer
from gateway.api.reference.operation import FORM, JSON, PHOTOS, Errors, Operation
from gateway.api.reference.operations import OPERATIONS
from gateway.identity.sessions import SESSION_HEADER
from gateway.log.client import SOURCE_HEADER, SOURCES

STREAM = "text/event-stream"
REF = "#/components/schemas/"
_DESCRIPTION = """Questions about product photos. All of it in words: docs/integrators.md.

Every error has one shape, with a stable `code`; 500 `internal_error` is a fault of ours and may
come from anywhere. A method that an address does not take is 405, a head that is too long 431."""
_LINES = {"type": "string", "contentMediaType": "application/octet-stream"}
# Whatever else it says is no error, and recorded as if it were not there.
_SOURCE = {
    "name": SOURCE_HEADER,
    "in": "header",
    "description": f"How a question came: {' or '.join(f'`{name}`' for name in SOURCES)}. It"
    " changes no answer; the log keeps it, and takes anything else for `api`.",
    "schema": {"type": "string"},
    "example": SOURCES[0],
}
_HEADERS = {
    "x-request-id": "Ties log lines of all services together.",
    "x-interaction-id": "The row of the behaviour log; votes name it.",
    "server-timing": "Milliseconds in each step.",
}


@cache
def document() -> dict[str, Any]:
    models: dict[str, type[BaseModel]] = {ErrorAnswer.__name__: ErrorAnswer}
    for operation in OPERATIONS:
        models |= {model.__name__: model for model in _models(operation)}
    _, made = models_json_schema(
        [(model, "validation") for model in models.values()], ref_template=REF + "{model}"
    )
    schemas = made["$defs"]
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shopsight",
            "version": version("shopsight"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A shop's API key."},
                "session": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SESSION_HEADER,
                    "description": "An anonymous shopper's, as the first answer gave it.",
                },
            },
        },
        "security": [{}, {"key": []}, {"session": []}],
    }


def _models(operation: Operation) -> tuple[type[BaseModel], ...]:
    taken = [model for models in operation.bodies.values() for model in models]
    return (*taken, *_answers(operation))


def _answers(operation: Operation) -> tuple[type[BaseModel], ...]:
    return operation.answer if isinstance(operation.answer, tuple) else (operation.answer,)


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"summary": operation.summary, "operationId": _name(operation)}
    if parameters := _parameters(operation):
        told["parameters"] = parameters
    if operation.bodies:
        told["requestBody"] = {"required": True, "content": _bodies(operation, schemas)}
    names = [*_HEADERS] if operation.recorded else []
    headers = {
        name: {"description": _HEADERS[name], "required": True, "schema": {"type": "string"}}
        for name in names
    }
    content: dict[str, Any] = {}
    if answers := _answers(operation):
        content[JSON] = {"schema": _one_of(answers)}
    if operation.sends is not None:
        content[operation.sends] = {}  # nor for lines of JSON
    if operation.streams:
        content[STREAM] = {}  # 3.1 has no word for what a stream's events are
    responses: dict[str, Any] = {
        str(status): {"description": operation.summary, "headers": headers, "content": content}
        for status in operation.status
    }
    for status, errors in sorted(operation.statuses.items()):
        responses[str(status)] = _error(errors)
    return {**told, "responses": responses}


def _name(operation: Operation) -> str:
    words = operation.path.replace("{", "").replace("}", "").strip("/").split("/")
    return "_".join([operation.method.lower(), *(word.replace(".", "_") for word in words)])


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    text = {"in": "path", "required": True, "schema": {"type": "string"}}
    return [
        *({"name": name, **text, "example": operation.examples[0][name]} for name in in_path),
        *(
            {"name": name, "in": "query", "schema": _without_null(TypeAdapter(kind).json_schema())}
            for name, kind in operation.query.items()
        ),
        *([_SOURCE] if operation.hinted else []),
    ]


def _bodies(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media, models in operation.bodies.items():
        if media == FORM:
            content[media] = {"schema": _form(schemas[models[0].__name__], operation)}
        else:
            content[media] = {"schema": _one_of(models)}
    first = next(iter(content.values()))
    first["examples"] = {
        f"example_{number}": {"value": value} for number, value in enumerate(operation.examples, 1)
    }
    if operation.raw_photo:
        for media in PHOTOS:
            content[media] = {"schema": _photo()}
    return content


def _form(schema: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """The fields as a form has them, which knows no null, with the file beside them."""
    form = copy.deepcopy(schema)
    for name, field in form["properties"].items():
        form["properties"][name] = told = _without_null(field)
        if told.get("type") == "boolean":  # a text, as all that forms have
            told["type"] = ["boolean", "integer", "string"]
            text = "`true` or `false`, also as `1` or `0`."
            told["description"] = f"{told['description']} {text}" if "description" in told else text
    is_photo = operation.file_part == PHOTO_FIELD
    form["properties"][operation.file_part] = _photo() if is_photo else _LINES
    if operation.raw_photo or not is_photo:
        form["required"] = [*form.get("required", []), operation.file_part]
    return form


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Of what is a text in a form or in a query, where an absent one is null."""
    told = dict(schema)
    kinds = [kind for kind in told.pop("anyOf", []) if kind != {"type": "null"}]
    told.pop("default", None)
    return {**told, **(kinds[0] if kinds else {})}


def _photo() -> dict[str, Any]:
    return {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": f"A JPEG, PNG or WebP file of at most {MAX_IMAGE_BYTES} bytes.",
    }


def _one_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    references = [{"$ref": REF + model.__name__} for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _error(errors: Errors) -> dict[str, Any]:
    codes = sorted({error.code for error in errors})
    headers: dict[str, Any] = {"x-request-id": {"schema": {"type": "string"}, "required": True}}
    if all(_is_retried(error) for error in errors):
        headers["retry-after"] = {"schema": {"type": "string"}, "required": True}
    schema = {
        "allOf": [
            {"$ref": REF + ErrorAnswer.__name__},
            {"properties": {"error": {"properties": {"code": {"enum": codes}}}}},
        ]
    }
    return {
        "description": " · ".join(f"`{code}`" for code in codes),
        "headers": headers,
        "content": {JSON: {"schema": schema}},
    }


def _is_retried(error: type[ShopsightError]) -> bool:
    return error.retry_after_s is not None
