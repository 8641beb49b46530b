"""Which rows are one person's. Conditions only; `erasure` puts them into statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, or_

from gateway.log.schema.tables import images, interactions
from gateway.log.tombstones import Subject

# Names or digests that one statement holds.
NAMES = 500

column = interactions.c


@dataclass
class Person:
    """Everything up to the moment `at`, in UTC."""

    tenant: str
    names: list[str]
    """Pseudonyms."""
    sessions: list[str]
    visits: list[str]
    """Sessions in which only what names nobody is the person's."""
    at: datetime

    def of(self, table: Table) -> ColumnElement[bool]:
        user, session = table.c.user_pseudonym, table.c.session_id
        mine = or_(
            user.in_(self.names),
            session.in_(self.sessions),
            and_(session.in_(self.visits), user.is_(None)),
        )
        return and_(table.c.tenant == self.tenant, mine, table.c.created_at <= self.at)

    def by_name(self) -> list[ColumnElement[bool]]:
        return [
            and_(column.tenant == self.tenant, column.user_pseudonym == name) for name in self.names
        ]

    def by_visit(self) -> list[ColumnElement[bool]]:
        nobody = column.user_pseudonym.is_(None)
        tenants = column.tenant == self.tenant
        return [and_(tenants, column.session_id == name, nobody) for name in self.visits]

    def rows(self, photos: Sequence[str]) -> list[ColumnElement[bool]]:
        """Which interactions are to be emptied, in this order: those that are only found by the
        others come first, so that an erasure that breaks off can be done again. Each by one value
        of one index: of several the server would read all that they name for each batch."""
        by_session = [self._until(column.session_id == name) for name in self.sessions]
        uploads = [self._rows_of_uploads(some) for some in parts(photos)]
        mine = [*self.by_visit(), *self.by_name()]
        visits_and_names = [self._until(which) for which in mine]
        return [*uploads, *by_session, *visits_and_names]

    def _until(self, mine: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(column.tenant == self.tenant, mine, column.asked_at <= self.at)

    def _rows_of_uploads(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """Of uploads that name nobody."""
        nobodys = and_(
            column.kind == "upload",
            column.user_pseudonym.is_(None),
            column.session_id.is_(None),
            column.image_digest.in_(photos),
        )
        return self._until(nobodys)

    def uploads(self, photos: Sequence[str]) -> ColumnElement[bool]:
        """Which rows of `images` go, with their files."""
        nobodys = and_(
            images.c.user_pseudonym.is_(None),
            images.c.session_id.is_(None),
            images.c.image_digest.in_(photos),
            images.c.tenant == self.tenant,
            images.c.created_at <= self.at,
        )
        return or_(self.of(images), nobodys)

    def others(self, digest: str) -> ColumnElement[bool]:
        """Whatever about that photo is somebody else's. Who asks without saying who it is may be
        anybody, but in the person's own visits."""
        elsewhere = or_(column.session_id.is_(None), column.session_id.not_in(self.visits))
        anybody = and_(column.user_pseudonym.is_(None), column.kind == "ask", elsewhere)
        return and_(
            column.tenant == self.tenant,
            column.image_digest == digest,
            or_(column.user_pseudonym.not_in(self.names), anybody),
        )


def person_of(subjects: Sequence[Subject], at: datetime) -> Person:
    names, sessions, visits = (
        [who.name for who in subjects if who.kind == kind] for kind in ("user", "session", "visit")
    )
    return Person(subjects[0].tenant, names, sessions, visits, at)


def parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as one statement may hold."""
    for start in range(0, len(names), NAMES):
        yield names[start : start + NAMES]
