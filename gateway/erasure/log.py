"""The steps that erase one person from the log's tables. Each step may be repeated.
`usecases.erase` orders them. Rows stay, without person and content: see `log.redaction`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Engine, delete, literal, or_, select, text, update

from gateway.erasure.person import person_of
from gateway.log import audit, tombstones
from gateway.log.event import BadEvent
from gateway.log.given_answers import GivenAnswer, given_answer, given_to_nobody_else, warmed_from
from gateway.log.redaction import WITHOUT_PERSON, fields_of, without_person
from gateway.log.rollups.details import recount_details
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.tables import dead_letters, feedback, interactions, votes
from gateway.log.tombstones import Subject, Tombstones

# Rows of one transaction: they are locked for some milliseconds.
BATCH_ROWS = 500
# Rows that one statement reads: 0.1 s of a server, however many rows the person has.
PAGE_ROWS = 10_000
# Replaces the database's reason for refusing an event, which may quote the event.
REASON = "erased"

column = interactions.c


class LogErasure:
    """Erases everything of a person up to the moment `at`, in UTC. `subjects` are all names of that
    person. Methods raise SQLAlchemyError."""

    def __init__(self, engine: Engine, subjects: Sequence[Subject], at: datetime) -> None:
        # READ COMMITTED locks the rows that are found, but not the gaps beside them, where others
        # insert their rows.
        mysql = engine.dialect.name in MYSQL
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED") if mysql else engine
        )
        self._person = person_of(subjects, at)
        self._subject = subjects[0].name
        self.subjects = list(subjects)
        self._at = at
        self.tombstones = Tombstones()
        self._looked_up: set[GivenAnswer] = set()

    def begin(self, actor: str) -> None:
        """Commit the tombstones and a row of the audit. From then on, earlier events of the person
        are inserted redacted. The given subjects come first: finding the visits takes a while."""
        person = self._person
        with self._engine.begin() as connection:
            named = tombstones.upsert(connection, self.subjects, self._at)
            self._audit(connection, actor, "erasure begun")
        sessions = {
            session
            for which in person.by_pseudonym()
            for session in self._values(column.session_id, which)
        }
        person.visits += sorted(sessions.difference(person.visits))
        visits = [Subject(person.tenant, "visit", name) for name in person.visits]
        with self._engine.begin() as connection:
            visited = tombstones.upsert(connection, visits, self._at)
        self.tombstones = Tombstones({**named.erased_at, **visited.erased_at})

    def end(self, actor: str, receipt: Mapping[str, Any]) -> None:
        """Add a row of the audit that tells what was erased."""
        with self._engine.begin() as connection:
            self._audit(connection, actor, "erasure ended", **receipt)

    def _audit(self, connection: Any, actor: str, action: str, **details: Any) -> None:
        audit.insert_row(
            connection, actor, action, tenant=self._person.tenant, subject=self._subject, **details
        )

    def _values(self, wanted: Column[Any], which: ColumnElement[bool]) -> Iterator[Any]:
        """The values of a column in the person's interactions, read by pages. `which` must select
        one value of one index: such an index returns keys in order, so a page reads only its own
        rows. The time is compared here, because MariaDB would use its index of times and sort."""
        key = column.interaction_id
        before = self._person.before().label("before")
        query = select(key, wanted, before).where(which).order_by(key).limit(PAGE_ROWS)
        page = query
        while True:
            with self._engine.connect() as connection:
                rows = connection.execute(page).all()
            yield from {value for _, value, before in rows if value is not None and before}
            if len(rows) < PAGE_ROWS:
                return
            page = query.where(key > rows[-1][0])

    def interaction_conditions(self, photos: Sequence[str]) -> list[ColumnElement[bool]]:
        """The interactions to redact, in this order."""
        return self._person.interaction_conditions(photos)

    def upload_condition(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """The rows of `images` to delete, together with their files."""
        return self._person.upload_condition(photos)

    def exclusive_photos(self, in_events: Iterable[str]) -> list[str]:
        """Digests of the photos that nobody else has asked about. They are taken from the person's
        rows and from events (`in_events`), and lead to uploads that name no user and no session."""
        person = self._person
        if not person.pseudonyms:
            return []
        digests = set(in_events)
        for which in (*person.by_pseudonym(), *person.by_visit()):
            digests.update(self._values(column.image_digest, which))
        with self._engine.connect() as connection:
            # One photo at a time, and only up to the first row: a popular photo has more rows than
            # anybody may read.
            def has_others(digest: str) -> bool:
                first = select(literal(1)).where(person.asked_by_others(digest)).limit(1)
                return connection.scalar(first) is not None

            return [digest for digest in sorted(digests) if not has_others(digest)]

    def next_batch(self, which: ColumnElement[bool]) -> dict[UUID, GivenAnswer | None]:
        """Up to BATCH_ROWS interactions, with the answers that they were given. Waits for rows that
        are being inserted."""
        query = select(
            column.interaction_id, column.model_revision, column.image_digest, column.answer_key
        ).where(which)
        with self._engine.begin() as connection:
            rows = connection.execute(query.limit(BATCH_ROWS).with_for_update())
            return {row.interaction_id: given_answer(row._asdict()) for row in rows}

    def own_answers(self, given: Iterable[GivenAnswer]) -> list[GivenAnswer]:
        """Those that nobody else was given. Each is looked up once in an erasure, and left out when
        it comes again: whoever asks one question a thousand times has a thousand rows of it."""
        new = set(given) - self._looked_up
        own = given_to_nobody_else(self._engine, new)
        self._looked_up |= new
        return own

    def warmed_from(self, own: Iterable[GivenAnswer]) -> list[GivenAnswer]:
        """What was computed ahead because of these, which are deleted."""
        return warmed_from(self._engine, own)

    def redact_rows(self, ids: Iterable[UUID]) -> int:
        """Clear person and content of these interactions. Returns how many there were."""
        which = column.interaction_id.in_(list(ids))
        with self._engine.begin() as connection:
            recount_details(connection, which)
            change = update(interactions).where(which).values(WITHOUT_PERSON)
            return connection.execute(change).rowcount

    def replay(self) -> int:
        """Do all steps for rows that have come back with a backup. No cached answer is theirs."""
        self.tombstones = Tombstones(dict.fromkeys(self.subjects, self._at))
        redacted = 0
        self.redact_dead_letters(self.dead_letters())
        self.delete_feedback()
        for which in self.interaction_conditions([]):
            while batch := self.next_batch(which):
                redacted += self.redact_rows(batch)
        return redacted

    def delete_feedback(self) -> int:
        """Delete the person's votes; returns how many. `votes` comes first: a gateway that counts a
        vote locks its row there before it writes `feedback`."""
        deleted = 0
        with self._engine.begin() as connection:
            for table in (votes, feedback):
                which = self._person.owns(table)
                deleted += connection.execute(delete(table).where(which)).rowcount
        return deleted

    def dead_letters(self) -> dict[UUID, str]:
        """The person's dead letters: the event of each, unchanged, by its id."""
        letter = dead_letters.c
        names = [subject.name for subject in self.tombstones.erased_at]
        which = or_(letter.user_pseudonym.in_(names), *(letter.event.contains(n) for n in names))
        query = select(letter.interaction_id, letter.event).where(which).with_for_update()
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return {row.interaction_id: row.event for row in rows if self._is_covered(row.event)}

    def _is_covered(self, event: str) -> bool:
        try:
            return self.tombstones.cover(fields_of(event))
        except BadEvent:  # no JSON, but it contains a name of the person
            return True

    def redact_dead_letters(self, events: Mapping[UUID, str]) -> None:
        """Redact dead letters, which may still become rows. A text that is no event is deleted."""
        with self._engine.begin() as connection:
            for key, event in events.items():
                is_letter = dead_letters.c.interaction_id == key
                try:
                    values = {"event": without_person(event).rstrip(), "reason": REASON}
                except BadEvent:
                    connection.execute(delete(dead_letters).where(is_letter))
                    continue
                redacted = {**values, "user_pseudonym": None}
                connection.execute(update(dead_letters).where(is_letter).values(redacted))

    def truncate_wal(self) -> bool:
        """Checkpoint and truncate an SQLite file's WAL, which holds old versions of pages. False if
        somebody's read was in the way. A server has no such file."""
        if self._engine.dialect.name in MYSQL:
            return True
        with self._engine.connect() as connection:
            busy, _, _ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        return not busy
