"""OpenAI's library for Python."""

import json
from typing import Any

import openai
from asking import QUESTION, SCHEMA, SESSION, URL, data_uri, run, turn, upload
from openai import OpenAI

client = OpenAI(base_url=f"{URL}/v1", api_key="unused", max_retries=0)


def ask(*messages: Any, **fields: Any) -> Any:
    fields = {"model": "shopsight", **fields}
    return client.chat.completions.create(messages=list(messages), **fields)


def text(answer: Any) -> dict[str, str]:
    return {"text": answer.choices[0].message.content}


def stream() -> dict[str, str]:
    chunks = ask(turn(QUESTION, data_uri()), stream=True)
    return {"text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks)}


def schema() -> Any:
    form = {"type": "json_schema", "json_schema": {"name": "card", "schema": SCHEMA}}
    answer = ask(turn(QUESTION, data_uri()), response_format=form)
    return {"value": json.loads(answer.choices[0].message.content)}


def conversation() -> dict[str, str]:
    first = turn("what?", data_uri())
    return text(ask(first, ask(first).choices[0].message, turn(QUESTION)))


def by_id() -> dict[str, str]:
    name, headers = upload()
    return text(ask(turn(QUESTION, name), extra_headers=headers))


def vote() -> Any:
    raw = client.chat.completions.with_raw_response.create(
        model="shopsight",
        messages=[turn(QUESTION, data_uri())],  # type: ignore[list-item]
    )
    return client.post(
        "/feedback",
        cast_to=object,
        body={"interaction_id": raw.parse().id, "vote": "up"},
        options={"headers": {SESSION: raw.headers[SESSION]}},
    )


def erase() -> Any:
    _, headers = upload()
    return client.delete("/users/me/data", cast_to=object, options={"headers": headers})


def error() -> Any:
    try:
        ask(turn(QUESTION, data_uri()), model="none")
    except openai.APIStatusError as caught:
        return {"status": caught.status_code, "code": caught.code, "kind": type(caught).__name__}


run(
    {
        "photo": lambda: text(ask(turn(QUESTION, data_uri()))),
        "stream": stream,
        "schema": schema,
        "conversation": conversation,
        "photos": lambda: text(ask(turn(QUESTION, data_uri(0), data_uri(1)))),
        "by id": by_id,
        "vote": vote,
        "erase": erase,
        "error": error,
    }
)
