"""Shoppers who ask and vote, and what becomes of their votes."""

import uuid
from typing import Any

import httpx
from sqlalchemy import Engine, select

from gateway.log.schema.tables import feedback, votes
from tests.support.servers import wait_until

PATH = "/v1/chat/completions"


class Shopper:
    """Someone with a browser's cookies, or with an API key."""

    def __init__(self, url: str, key: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {"sec-fetch-site": "same-origin"}
        self.client = httpx.Client(base_url=url, timeout=20, headers=headers)

    def ask(self, body: dict[str, Any]) -> httpx.Response:
        answer = self.client.post(PATH, json=body)
        assert answer.status_code == 200, answer.text
        return answer

    def vote(self, answer: httpx.Response, vote: str, **fields: Any) -> httpx.Response:
        """On an answer, of this shopper or of another."""
        body = {"interaction_id": answer.headers["x-interaction-id"], "vote": vote, **fields}
        return self.client.post("/v1/feedback", json=body)

    def ask_and_vote(self, body: dict[str, Any], vote: str, **fields: Any) -> httpx.Response:
        answer = self.ask(body)
        assert self.vote(answer, vote, **fields).status_code == 202
        return answer


def thumbs(engine: Engine, answer: httpx.Response | None = None) -> list[tuple[str, str | None]]:
    """Vote and reason of those that count, of one answer or of all."""
    query = select(feedback.c.vote, feedback.c.reason).order_by(feedback.c.interaction_id)
    if answer is not None:
        name = uuid.UUID(answer.headers["x-interaction-id"])
        query = query.where(feedback.c.interaction_id == name)
    with engine.connect() as connection:
        return [(row.vote, row.reason) for row in connection.execute(query)]


def wait_for_thumbs(engine: Engine, answer: httpx.Response, vote: str) -> None:
    wait_until("its vote", lambda: [found for found, _ in thumbs(engine, answer)] == [vote])


def uncounted(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(votes.c.vote_id)).all())
