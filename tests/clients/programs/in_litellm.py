"""LiteLLM, with its provider for servers that speak as OpenAI's does."""

import json
from typing import Any

import litellm
from asking import QUESTION, SCHEMA, URL, data_uri, run, turn, upload


def ask(*messages: Any, model: str = "shopsight", **fields: Any) -> Any:
    return litellm.completion(
        model=f"openai/{model}",
        api_base=f"{URL}/v1",
        api_key="unused",
        messages=list(messages),
        num_retries=0,
        max_retries=0,
        **fields,
    )


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
    return text(ask(first, ask(first).choices[0].message.model_dump(), turn(QUESTION)))


def by_id() -> dict[str, str]:
    name, headers = upload()
    return text(ask(turn(QUESTION, name), extra_headers=headers))


run(
    {
        "photo": lambda: text(ask(turn(QUESTION, data_uri()))),
        "stream": stream,
        "schema": schema,
        "conversation": conversation,
        "photos": lambda: text(ask(turn(QUESTION, data_uri(0), data_uri(1)))),
        "by id": by_id,
    }
)
