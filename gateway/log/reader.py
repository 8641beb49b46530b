"""The gateway's own queries of the log. Analysts have views instead."""

import asyncio
import uuid

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import LogUnavailable, NotFound
from gateway.log.schema.tables import interactions


class LogReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer_key(self, interaction: uuid.UUID) -> str:
        """The key of the answer that an interaction was given. Raises NotFound if there was none or
        its row has not arrived yet, LogUnavailable if the database does not answer."""
        try:
            key = await asyncio.to_thread(self._answer_key, interaction)
        except SQLAlchemyError:
            raise LogUnavailable from None
        if key is None:
            raise NotFound
        return key

    def _answer_key(self, interaction: uuid.UUID) -> str | None:
        query = select(interactions.c.answer_key)
        with self._engine.connect() as connection:
            result = connection.execute(query.where(interactions.c.interaction_id == interaction))
            key: str | None = result.scalar()
        return key
