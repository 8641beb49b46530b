"""LangChain, by its ChatOpenAI."""

from typing import Any

import openai
from asking import QUESTION, SCHEMA, URL, data_uri, run, turn, upload
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI


def chat(model: str = "shopsight", headers: dict[str, str] | None = None) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{URL}/v1",
        api_key="unused",  # type: ignore[arg-type]
        model=model,
        max_retries=0,
        default_headers=headers,
    )


def asked(text: str, *urls: str) -> HumanMessage:
    return HumanMessage(turn(text, *urls)["content"])


def text(answer: Any) -> dict[str, str]:
    return {"text": answer.content}


def stream() -> dict[str, str]:
    pieces = chat().stream([asked(QUESTION, data_uri())])
    return {"text": "".join(str(piece.content) for piece in pieces)}


def schema() -> Any:
    named = {"title": "card", **SCHEMA}
    bound = chat().with_structured_output(named, method="json_schema")
    return {"value": bound.invoke([asked(QUESTION, data_uri())])}


def conversation() -> dict[str, str]:
    first = asked("what?", data_uri())
    return text(chat().invoke([first, chat().invoke([first]), asked(QUESTION)]))


def by_id() -> dict[str, str]:
    name, headers = upload()
    return text(chat(headers=headers).invoke([asked(QUESTION, name)]))


def error() -> Any:
    try:
        chat("none").invoke([asked(QUESTION, data_uri())])
    except openai.APIStatusError as caught:
        return {"status": caught.status_code, "code": caught.code, "kind": type(caught).__name__}


run(
    {
        "photo": lambda: text(chat().invoke([asked(QUESTION, data_uri())])),
        "stream": stream,
        "schema": schema,
        "conversation": conversation,
        "photos": lambda: text(chat().invoke([asked(QUESTION, data_uri(0), data_uri(1))])),
        "by id": by_id,
        "error": error,
    }
)
