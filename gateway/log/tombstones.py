"""Tombstones: who was erased, and when. An event that a person caused before that moment may reach
the database later; its tombstone tells that it must be redacted."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, insert, or_, select, update

from gateway.log.event import BadEvent
from gateway.log.redaction import fields_of
from gateway.log.schema.privacy_tables import tombstones

# A field of an event of a batch's line: when its file was uploaded. It is no column: a row's batch
# names the file.
UPLOADED_FIELD = "uploaded_at"
# This text occurs nowhere else in an event: JSON escapes quotes within a text.
_MARK = f'"{UPLOADED_FIELD}":'

# user: a pseudonym. session: everything that the holder of a cookie asked. visit: those requests of
# a session that name no user; they are erased together with a user of that session.
SubjectKind = Literal["user", "session", "visit"]


@dataclass(frozen=True)
class Subject:
    tenant: str
    kind: SubjectKind
    name: str


@dataclass(frozen=True)
class Tombstones:
    """When each subject was erased, in UTC."""

    erased_at: Mapping[Subject, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.erased_at)

    def newer_than(self, earlier: "Tombstones") -> "Tombstones":
        """Those that `earlier` lacks or has with another moment."""
        return Tombstones(dict(self.erased_at.items() - earlier.erased_at.items()))

    def cover(self, event: Mapping[str, Any]) -> bool:
        """Whether a person was erased at or after the moment of this request, of a batch's line:
        since its file was uploaded. What the person asks afterwards is not covered. An event
        without a valid time is."""
        subjects = _subjects_of(event)
        moments = [self.erased_at[subject] for subject in subjects if subject in self.erased_at]
        if not moments:
            return False
        try:
            asked_at = datetime.fromisoformat(event.get(UPLOADED_FIELD) or event["asked_at"])
        except (LookupError, TypeError, ValueError):
            return True
        return asked_at.replace(tzinfo=asked_at.tzinfo or UTC) <= max(moments)


def _subjects_of(event: Mapping[str, Any]) -> Iterator[Subject]:
    tenant, user, session = (event.get(n) for n in ("tenant", "user_pseudonym", "session_id"))
    if not isinstance(tenant, str):
        return
    if isinstance(user, str):
        yield Subject(tenant, "user", user)
    if isinstance(session, str):
        yield Subject(tenant, "session", session)
        if user is None:
            yield Subject(tenant, "visit", session)


def named_in_lines(events: Iterable[str]) -> set[Subject]:
    """Whom lines of batches name: they may have been erased long before the line was asked."""
    found: set[Subject] = set()
    for event in events:
        if _MARK in event:
            with suppress(BadEvent):  # delivery rejects it
                found.update(_subjects_of(fields_of(event)))
    return found


def read_since(
    connection: Connection, moment: datetime, of: Collection[Subject] = ()
) -> Tombstones:
    """Tombstones that may cover a request of `moment` or later, and all those `of` somebody."""
    column = tombstones.c
    names: dict[tuple[str, str], list[str]] = {}
    for who in of:
        names.setdefault((who.tenant, who.kind), []).append(who.name)
    own = [
        and_(column.tenant == tenant, column.kind == kind, column.subject.in_(some))
        for (tenant, kind), some in names.items()
    ]
    query = select(tombstones).where(or_(column.erased_at >= moment, *own))
    return Tombstones(
        {
            Subject(row.tenant, row.kind, row.subject): row.erased_at
            for row in connection.execute(query)
        }
    )


def upsert(connection: Connection, subjects: Iterable[Subject], erased_at: datetime) -> Tombstones:
    """Add tombstones, or move their moment, in the caller's transaction. Raises IntegrityError if
    another transaction adds the same tombstone at once."""
    table = tombstones
    subjects = list(subjects)
    for subject in subjects:
        key = {"tenant": subject.tenant, "kind": subject.kind, "subject": subject.name}
        is_same = [table.c[name] == value for name, value in key.items()]
        changed = connection.execute(update(table).where(*is_same).values(erased_at=erased_at))
        if not changed.rowcount:
            connection.execute(insert(table).values(**key, erased_at=erased_at))
    return Tombstones(dict.fromkeys(subjects, erased_at))
