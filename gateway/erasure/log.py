"""One person's erasure from the log's tables, in steps that may be repeated. `usecases.erase` puts
them in their order. Rows stay, without who and what: see `log.redaction`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Engine, delete, literal, or_, select, text, update

from gateway.cache.answers import GivenAnswer
from gateway.erasure.person import person_of
from gateway.log import audit, tombstones
from gateway.log.event import BadEvent
from gateway.log.given_answers import given_answer
from gateway.log.redaction import WITHOUT_PERSON, fields_of, without_person
from gateway.log.rollups.roll_up import recount_details
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.tables import dead_letters, feedback, interactions, votes
from gateway.log.tombstones import Subject, Tombstones

# Rows of one transaction: they are locked for some milliseconds.
BATCH_ROWS = 500
# Rows that one statement reads: 0.1 s of a server, however many the person has.
PAGE_ROWS = 10_000
# In place of the database's words on why it refused an event, which may quote it.
REASON = "erased"

column = interactions.c


class LogErasure:
    """Everything up to the moment `at`, in UTC. Methods raise SQLAlchemyError."""

    def __init__(self, engine: Engine, subjects: Sequence[Subject], at: datetime) -> None:
        # READ COMMITTED: what is looked for is locked, not the gaps beside it, where others'
        # rows are being inserted.
        mysql = engine.dialect.name in MYSQL
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED") if mysql else engine
        )
        self._person = person_of(subjects, at)
        self._subject = subjects[0].name
        self._subjects = list(subjects)
        self._at = at
        self.tombstones = Tombstones()

    def begin(self, actor: str) -> None:
        """From now on nothing of before comes in: tombstones, committed, and the audit's entry. The
        person's first, since to look for its visits takes a while."""
        who = self._person
        with self._engine.begin() as connection:
            stones = tombstones.upsert(connection, self._subjects, self._at)
            self._note(connection, actor, "erasure begun")
        found = {visit for mine in who.by_name() for visit in self._pages(column.session_id, mine)}
        who.visits += sorted(found.difference(who.visits))
        visits = [Subject(who.tenant, "visit", name) for name in who.visits]
        with self._engine.begin() as connection:
            more = tombstones.upsert(connection, visits, self._at)
        self.tombstones = Tombstones({**stones.erased_at, **more.erased_at})

    def end(self, actor: str, done: Mapping[str, Any]) -> None:
        with self._engine.begin() as connection:
            self._note(connection, actor, "erasure ended", **done)

    def _note(self, connection: Any, actor: str, action: str, **details: Any) -> None:
        audit.insert_row(
            connection, actor, action, tenant=self._person.tenant, subject=self._subject, **details
        )

    def _pages(self, wanted: Column[Any], mine: ColumnElement[bool]) -> Iterator[Any]:
        """What interactions hold there. `mine` is one value of one index: keys come out of it in
        their order, so that no more than a page is read at a time. Their time is looked at here: in
        the statement it had MariaDB read by the index of times, and sort."""
        key = column.interaction_id
        query = select(key, wanted, column.asked_at).where(mine).order_by(key).limit(PAGE_ROWS)
        page = query
        while True:
            with self._engine.connect() as connection:
                found = connection.execute(page).all()
            yield from {value for _, value, at in found if value is not None and at <= self._at}
            if len(found) < PAGE_ROWS:
                return
            page = query.where(key > found[-1][0])

    def rows(self, photos: Sequence[str]) -> list[ColumnElement[bool]]:
        """Which interactions are to be emptied, in this order."""
        return self._person.rows(photos)

    def uploads(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """Which rows of `images` go, with their files."""
        return self._person.uploads(photos)

    def own_photos(self, besides: Iterable[str]) -> list[str]:
        """Digests of the photos that only this person has asked about, in rows or in events
        (`besides`). By them uploads are found that name nobody."""
        who = self._person
        if not who.names:
            return []
        digests = set(besides)
        for mine in (*who.by_name(), *who.by_visit()):
            digests.update(self._pages(column.image_digest, mine))
        with self._engine.connect() as connection:
            # One at a time, up to the first row: of a photo that everybody asks about there are
            # more than anybody may read.
            def others(digest: str) -> bool:
                first = select(literal(1)).where(who.others(digest)).limit(1)
                return connection.scalar(first) is not None

            return [digest for digest in sorted(digests) if not others(digest)]

    def next_batch(self, rows: ColumnElement[bool]) -> dict[UUID, GivenAnswer | None]:
        """A batch of the interactions, with the answers that they were given. Waits for those that
        are being inserted."""
        query = select(
            column.interaction_id, column.model_revision, column.image_digest, column.answer_key
        ).where(rows)
        with self._engine.begin() as connection:
            found = connection.execute(query.limit(BATCH_ROWS).with_for_update())
            return {row.interaction_id: given_answer(row._asdict()) for row in found}

    def redact_rows(self, ids: Iterable[UUID]) -> int:
        mine = column.interaction_id.in_(list(ids))
        with self._engine.begin() as connection:
            recount_details(connection, mine)
            emptied = update(interactions).where(mine).values(WITHOUT_PERSON)
            return connection.execute(emptied).rowcount

    def replay(self) -> int:
        """All steps, for rows that have come back with a backup; nothing of theirs is cached."""
        self.tombstones = Tombstones(dict.fromkeys(self._subjects, self._at))
        emptied = 0
        self.redact_dead_letters(self.dead_letters())
        self.delete_feedback()
        for rows in self.rows([]):
            while batch := self.next_batch(rows):
                emptied += self.redact_rows(batch)
        return emptied

    def delete_feedback(self) -> int:
        """Votes that wait to be counted first: whoever is just counting one holds its row."""
        gone = 0
        with self._engine.begin() as connection:
            for table in (votes, feedback):
                gone += connection.execute(delete(table).where(self._person.of(table))).rowcount
        return gone

    def dead_letters(self) -> dict[UUID, str]:
        """Their events, as they are, by their id."""
        letter = dead_letters.c
        names = [who.name for who in self.tombstones.erased_at]
        theirs = or_(letter.user_pseudonym.in_(names), *(letter.event.contains(n) for n in names))
        query = select(letter.interaction_id, letter.event).where(theirs).with_for_update()
        with self._engine.begin() as connection:
            found = connection.execute(query).all()
        return {row.interaction_id: row.event for row in found if self._covers(row.event)}

    def _covers(self, event: str) -> bool:
        try:
            return self.tombstones.cover(fields_of(event))
        except BadEvent:  # no JSON, and yet a name of the erased is in it
            return True

    def redact_dead_letters(self, events: Mapping[UUID, str]) -> None:
        """They may still become rows; what is no event at all goes altogether."""
        with self._engine.begin() as connection:
            for key, event in events.items():
                mine = dead_letters.c.interaction_id == key
                try:
                    values = {"event": without_person(event).rstrip(), "reason": REASON}
                except BadEvent:
                    connection.execute(delete(dead_letters).where(mine))
                    continue
                values_and_nobody = {**values, "user_pseudonym": None}
                connection.execute(update(dead_letters).where(mine).values(values_and_nobody))

    def clean_file(self) -> bool:
        """Of an SQLite file: its log, which holds pages as they were, is cut to nothing. Whether
        nobody's reading was in the way."""
        if self._engine.dialect.name in MYSQL:
            return True
        with self._engine.connect() as connection:
            busy, _, _ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        return not busy
