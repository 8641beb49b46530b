"""SQL conditions for the rows of one person. `erasure.log` puts them into statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, or_, select

from gateway.log.products import ABOUT_PHOTOS, BATCH_LINE
from gateway.log.schema.batch_tables import batches
from gateway.log.schema.partitions import first_id_at
from gateway.log.schema.tables import images, interactions
from gateway.log.tombstones import Subject

# Digests in one statement at most.
CHUNK = 500

column = interactions.c


@dataclass
class Person:
    """The identities of one person. Rows from after the erasure are not the person's."""

    tenant: str
    pseudonyms: list[str]
    sessions: list[str]
    """Sessions of which every request is the person's."""
    visits: list[str]
    """Sessions of which a request is the person's only if it names no user."""
    at: datetime
    """In UTC."""

    def owns(self, table: Table) -> ColumnElement[bool]:
        """The person's rows of a table with tenant, pseudonym, session and `created_at`."""
        user, session = table.c.user_pseudonym, table.c.session_id
        is_person = or_(
            user.in_(self.pseudonyms),
            session.in_(self.sessions),
            and_(session.in_(self.visits), user.is_(None)),
        )
        return and_(table.c.tenant == self.tenant, is_person, table.c.created_at <= self.at)

    def by_pseudonym(self) -> list[ColumnElement[bool]]:
        return [
            and_(column.tenant == self.tenant, column.user_pseudonym == name)
            for name in self.pseudonyms
        ]

    def by_visit(self) -> list[ColumnElement[bool]]:
        unnamed = column.user_pseudonym.is_(None)
        in_tenant = column.tenant == self.tenant
        return [and_(in_tenant, column.session_id == name, unnamed) for name in self.visits]

    def interaction_conditions(self, photos: Sequence[str]) -> list[ColumnElement[bool]]:
        """The interactions to redact, in this order. Rows that are found only by means of other
        rows come first, so that an interrupted erasure can be repeated. Each condition has one
        value of one index: given several, the server would read the rows of all values for each
        batch."""
        by_session = [self._until_erasure(column.session_id == name) for name in self.sessions]
        uploads = [self._unnamed_uploads(chunk) for chunk in chunks(photos)]
        by_identity = [*self.by_visit(), *self.by_pseudonym()]
        return [*uploads, *by_session, *(self._until_erasure(which) for which in by_identity)]

    def _until_erasure(self, which: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(column.tenant == self.tenant, which, self.before())

    def before(self) -> ColumnElement[bool]:
        """Of an interaction, whether it is from before the erasure. A batch's line is if its file
        is: it may have been asked while the erasure went on."""
        last = first_id_at(self.at + timedelta(milliseconds=1))
        uploaded = and_(batches.c.tenant == self.tenant, batches.c.input_file_id < last)
        in_file = column.parent_interaction_id.in_(select(batches.c.batch_id).where(uploaded))
        return or_(column.asked_at <= self.at, and_(column.kind == BATCH_LINE, in_file))

    def _unnamed_uploads(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """Uploads of these photos without a user and a session."""
        unnamed = and_(
            column.kind == "upload",
            column.user_pseudonym.is_(None),
            column.session_id.is_(None),
            column.image_digest.in_(photos),
        )
        return self._until_erasure(unnamed)

    def upload_condition(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """The rows of `images` to delete, together with their files."""
        unnamed = and_(
            images.c.user_pseudonym.is_(None),
            images.c.session_id.is_(None),
            images.c.image_digest.in_(photos),
            images.c.tenant == self.tenant,
            images.c.created_at <= self.at,
        )
        return or_(self.owns(images), unnamed)

    def asked_by_others(self, digest: str) -> ColumnElement[bool]:
        """Interactions about a photo that may be somebody else's. A question without a user may
        come from anybody, except in the person's own visits."""
        elsewhere = or_(column.session_id.is_(None), column.session_id.not_in(self.visits))
        unnamed = and_(column.user_pseudonym.is_(None), column.kind.in_(ABOUT_PHOTOS), elsewhere)
        return and_(
            column.tenant == self.tenant,
            column.image_digest == digest,
            or_(column.user_pseudonym.not_in(self.pseudonyms), unnamed),
        )


def person_of(subjects: Sequence[Subject], at: datetime) -> Person:
    pseudonyms, sessions, visits = (
        [subject.name for subject in subjects if subject.kind == kind]
        for kind in ("user", "session", "visit")
    )
    return Person(subjects[0].tenant, pseudonyms, sessions, visits, at)


def chunks(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    """Slices of up to CHUNK digests, for one statement each."""
    for start in range(0, len(digests), CHUNK):
        yield digests[start : start + CHUNK]
