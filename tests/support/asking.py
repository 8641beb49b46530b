"""How tests ask: the short form, the OpenAI form, streams; and how they read the log."""

import base64
import json
import uuid
from typing import Any

import httpx
from sqlalchemy import create_engine, select

from gateway.log.schema.tables import interactions
from tests.support.pictures import encoded, picture
from tests.support.servers import forwarded, wait_until


def photo(seed: int = 1) -> bytes:
    return encoded(picture(seed=seed), "JPEG")


def data_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def chat(question: str, data: bytes | None = None, **fields: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": question}]
    if data is not None:
        content.insert(0, {"type": "image_url", "image_url": {"url": data_uri(data)}})
    return {"model": "shopsight", "messages": [{"role": "user", "content": content}], **fields}


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    # verify=False: loading the certificates would take longer than most answers.
    return httpx.post(
        f"{url}/v1/chat/completions", json=body, headers=headers, timeout=40, verify=False
    )


def text_of(answer: httpx.Response) -> str:
    """The answer's text, of either form, streamed or not."""
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        return "".join(
            choice["delta"].get("content", "")
            for event in events_of(answer)
            for choice in event["choices"]
        )
    body = answer.json()
    text = body["text"] if "text" in body else body["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """A stream's events; that it ended with [DONE], unless with an error, is asserted."""
    blocks = answer.text.strip().split("\n\n")
    assert all(block.startswith("data: ") for block in blocks)
    if blocks[-1] == "data: [DONE]":
        blocks.pop()
        return [json.loads(block[6:]) for block in blocks]
    events = [json.loads(block[6:]) for block in blocks]
    assert "error" in events[-1]
    return events


def rows(database_url: str, interaction_id: str | None = None) -> list[dict[str, Any]]:
    """The log's rows in order, all or those of one interaction, once what is on its way is in."""
    wait_until("forwarded", lambda: forwarded(database_url))
    engine = create_engine(database_url)
    query = select(interactions).order_by(interactions.c.interaction_id)
    if interaction_id is not None:
        query = query.where(interactions.c.interaction_id == uuid.UUID(interaction_id))
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    engine.dispose()
    return found
