"""Which cached answer a request was given, read from its row or event. An erasure deletes those
that nobody else was given. What others were given, too, is theirs as well."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, exists, not_, or_, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.log.event import BadEvent
from gateway.log.redaction import fields_of
from gateway.log.schema.canary_tables import warmed_answers
from gateway.log.schema.privacy_tables import tombstones
from gateway.log.schema.tables import interactions

# In one statement: an erasure of somebody who has asked much takes as few round trips.
KEYS_AT_A_TIME = 50


@dataclass(frozen=True)
class GivenAnswer:
    """A cached answer as the log names it: revision, digest of the photo, digest of the key."""

    revision: str
    image: str
    key: str


def given_answer(row: Mapping[str, Any]) -> GivenAnswer | None:
    """The cached answer that a request was given, or may have been. `row` is a row of the
    interactions or an event's fields."""
    if not row.get("answer_key"):
        return None
    return GivenAnswer(
        row.get("model_revision") or "", row.get("image_digest") or "", row["answer_key"]
    )


def given_answers(events: Iterable[str]) -> list[GivenAnswer]:
    """The same for many events. A text that is no event is skipped."""
    answers = []
    for event in events:
        try:
            answers.append(given_answer(fields_of(event)))
        except BadEvent:
            continue
    return [answer for answer in answers if answer is not None]


def given_to_nobody_else(engine: Engine, answers: Iterable[GivenAnswer]) -> list[GivenAnswer]:
    """Those answers that no row says another was given. A row that a tombstone covers does not
    count: of two erasures at once, the one whose tombstone comes second sees the other's, so one of
    them deletes what only these two were given. Raises SQLAlchemyError."""
    own: list[GivenAnswer] = []
    distinct = sorted(set(answers), key=lambda answer: answer.key)
    for begin in range(0, len(distinct), KEYS_AT_A_TIME):
        chunk = distinct[begin : begin + KEYS_AT_A_TIME]
        with engine.connect() as connection:
            shared = connection.execute(select(*(_given_to_another(a.key) for a in chunk))).one()
        own += [answer for answer, others in zip(chunk, shared, strict=True) if not others]
    return own


def warmed_from(engine: Engine, answers: Iterable[GivenAnswer]) -> list[GivenAnswer]:
    """The answers of another revision that were computed ahead because of these, and given to
    nobody yet. To be asked once these are deleted: who stores one looks afterwards whether its
    source is still there. Raises SQLAlchemyError."""
    keys = sorted({answer.key for answer in answers})
    column = warmed_answers.c
    found = []
    for begin in range(0, len(keys), KEYS_AT_A_TIME):
        chunk = keys[begin : begin + KEYS_AT_A_TIME]
        query = select(column.model_revision, column.image_digest, column.answer_key)
        with engine.connect() as connection:
            rows = connection.execute(query.where(column.source_key.in_(chunk)).distinct())
            found += [GivenAnswer(*row) for row in rows]
    return given_to_nobody_else(engine, found)


def without_others(
    engine: Engine, delete: Callable[[Sequence[GivenAnswer]], bool]
) -> Callable[[Sequence[GivenAnswer]], bool]:
    """`delete` for those answers only that nobody else was given. It returns False, too, where the
    database does not tell."""

    def delete_own(answers: Sequence[GivenAnswer]) -> bool:
        try:
            own = given_to_nobody_else(engine, answers)
            return delete(own) and delete(warmed_from(engine, own))
        except SQLAlchemyError:
            return False

    return delete_own


def _given_to_another(key: str) -> ColumnElement[bool]:
    """Whether anybody who is not erased was given the answer. The key's digest names the tenant,
    too. The server stops at the first such row."""
    row = interactions.c

    def erased(kind: str, name: ColumnElement[Any], *more: ColumnElement[bool]) -> Any:
        stone = tombstones.c
        return exists().where(
            stone.tenant == row.tenant,
            stone.kind == kind,
            stone.subject == name,
            stone.erased_at >= row.asked_at,
            *more,
        )

    is_erased = or_(
        erased("user", row.user_pseudonym),
        erased("session", row.session_id),
        erased("visit", row.session_id, row.user_pseudonym.is_(None)),
    )
    given = and_(row.answer_key == key, row.outcome == "answered", not_(is_erased))
    return select(interactions.c.interaction_id).where(given).exists().label(None)
