"""Erasures that are in force: which events belong to somebody who had been erased when the event
came to the database."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from gateway.log.schema.privacy_tables import tombstones

# user: a pseudonym; session: all that a cookie's holder asked; visit: what such a session asked
# without naming a user, erased along with one.
Kind = Literal["user", "session", "visit"]


@dataclass(frozen=True)
class Subject:
    tenant: str
    kind: Kind
    name: str


@dataclass(frozen=True)
class Tombstones:
    erased_at: Mapping[Subject, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.erased_at)

    def later_than(self, known: "Tombstones") -> "Tombstones":
        """Those that `known` has not, or has with another moment."""
        return Tombstones(dict(self.erased_at.items() - known.erased_at.items()))

    def cover(self, event: Mapping[str, Any]) -> bool:
        """Whether an event's request came before its person was erased; what is asked afterwards
        is new. In doubt about its time it did."""
        ends = [self.erased_at[who] for who in _subjects_of(event) if who in self.erased_at]
        if not ends:
            return False
        try:
            asked_at = datetime.fromisoformat(event["asked_at"])
        except (LookupError, TypeError, ValueError):
            return True
        return asked_at.replace(tzinfo=asked_at.tzinfo or UTC) <= max(ends)


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


def since(connection: Connection, moment: datetime) -> Tombstones:
    """Those that may concern what was asked from `moment` on."""
    query = select(tombstones).where(tombstones.c.erased_at >= moment)
    return Tombstones(
        {
            Subject(row.tenant, row.kind, row.subject): row.erased_at
            for row in connection.execute(query)
        }
    )


def put_up(connection: Connection, subjects: Iterable[Subject], erased_at: datetime) -> Tombstones:
    """In the caller's transaction. Of two that erase the same person at once, one may meet the
    other's IntegrityError."""
    table = tombstones
    subjects = list(subjects)
    for who in subjects:
        key = {"tenant": who.tenant, "kind": who.kind, "subject": who.name}
        mine = [table.c[name] == value for name, value in key.items()]
        if not connection.execute(update(table).where(*mine).values(erased_at=erased_at)).rowcount:
            connection.execute(insert(table).values(**key, erased_at=erased_at))
    return Tombstones(dict.fromkeys(subjects, erased_at))
