"""Which cached answers of a revision are asked for the most, and which answers were computed ahead
in their place."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, and_, case, delete, func, insert, or_, select
from uuid6 import uuid7

from gateway.canary.figures import database_now
from gateway.log.given_answers import GivenAnswer
from gateway.log.products import ABOUT_PHOTOS
from gateway.log.schema.canary_tables import warmed_answers
from gateway.log.schema.tables import interactions

# What is asked again and again is asked every day.
WINDOW = timedelta(hours=24)
row = interactions.c


def hottest(engine: Engine, revision: str, limit: int) -> list[GivenAnswer]:
    """The most asked for first. Only what two people were given, or what was asked in nobody's
    name: what one person alone has asked is nobody else's to be asked. A row of somebody who was
    erased names no answer. Raises SQLAlchemyError."""
    person = func.coalesce(row.user_pseudonym, row.session_id)
    of_nobody = case((and_(row.user_pseudonym.is_(None), row.session_id.is_(None)), 1), else_=0)
    asked = func.count()
    query = (
        select(row.answer_key, row.image_digest)
        .where(row.asked_at >= database_now(engine) - WINDOW)
        .where(row.model_revision == revision, row.outcome == "answered")
        .where(row.answer_key.is_not(None), row.kind.in_(ABOUT_PHOTOS))
        .group_by(row.answer_key, row.image_digest)
        .having(or_(func.count(person.distinct()) > 1, func.sum(of_nobody) > 1))
        .order_by(asked.desc(), row.answer_key)
        .limit(limit)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [GivenAnswer(revision, image or "", key) for key, image in rows]


def note_warmed(engine: Engine, source: GivenAnswer, answer: GivenAnswer) -> None:
    """Before the answer is stored, so that an erasure finds it. Raises SQLAlchemyError."""
    values = {
        "warmed_id": UUID(int=uuid7().int),
        "source_key": source.key,
        "answer_key": answer.key,
        "model_revision": answer.revision,
        "image_digest": answer.image,
    }
    with engine.begin() as connection:
        connection.execute(insert(warmed_answers), values)


def forget_older(engine: Engine, seconds: int) -> None:
    """Notes of answers that have left the cache since. Raises SQLAlchemyError."""
    before = database_now(engine) - timedelta(seconds=seconds)
    with engine.begin() as connection:
        connection.execute(delete(warmed_answers).where(warmed_answers.c.warmed_at < before))
