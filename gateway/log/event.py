"""A row of the log as the spool keeps it: one JSON text that says which version wrote it, so that a
gateway of another version can forward it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.types import NullType, TypeEngine

from gateway.log.schema.columns import UtcTime, UuidBytes

# Raised when a field changes its meaning; new fields need no new version.
VERSION = 1

Row = dict[str, Any]


def _plain(value: Any) -> str:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(type(value).__name__)


# ASCII only: what a model says may hold half a surrogate pair, which no UTF-8 text can. It is to
# fail where it is one row's fault, in the database, and not here, where it would fail a group.
_encode = json.JSONEncoder(separators=(",", ":"), default=_plain, allow_nan=False).encode


def to_event(row: Mapping[str, Any]) -> str:
    """Columns that are empty are left out."""
    filled = {name: value for name, value in row.items() if value is not None}
    return _encode({"v": VERSION, **filled})


class BadEvent(Exception):
    """The text is not an event of any version."""


@dataclass(frozen=True)
class TableShape:
    """The log's table as the database has it now, which may be a step older or newer."""

    table: Table
    _empty: Row
    _read: tuple[tuple[str, Callable[[str], Any]], ...]
    _mandatory: tuple[str, ...]

    @classmethod
    def of(
        cls, known: Table, columns: Iterable[str], mandatory: Iterable[str] = ()
    ) -> "TableShape":
        """Columns that the code does not know take a value as it stands in the event. `mandatory`
        ones may not be NULL."""
        types = {name: known.c[name].type if name in known.c else NullType() for name in columns}
        fitted = Table(known.name, MetaData(), *(Column(n, kind) for n, kind in types.items()))
        read = [(name, _reader(kind)) for name, kind in types.items()]
        return cls(
            fitted,
            dict.fromkeys(types),
            tuple((name, reader) for name, reader in read if reader),
            tuple(mandatory),
        )

    def row(self, event: str) -> tuple[Row, set[str]]:
        """The columns for the database, and which fields it has no column for. Columns that the
        event does not fill are NULL; mandatory ones are left to their default. Raises BadEvent."""
        try:
            fields = json.loads(event)
            del fields["v"]
            left_out = fields.keys() - self._empty.keys()
            row = {**self._empty, **fields}  # in the table's order, so that rows are alike
            for name in left_out:
                del row[name]
            for name, read in self._read:
                if row[name] is not None:
                    row[name] = read(row[name])
            for name in self._mandatory:
                if row[name] is None:
                    del row[name]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise BadEvent(type(error).__name__) from error
        if row.get("interaction_id") is None:
            raise BadEvent("no interaction_id")
        return row, left_out


def _reader(kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """Makes a column's value of the event's; None where they are the same."""
    if isinstance(kind, UuidBytes):
        return UUID
    if isinstance(kind, UtcTime):
        return datetime.fromisoformat
    return None


def id_of(event: str) -> UUID:
    """The event's interaction; of a text that is no event, an id made of the text."""
    try:
        return UUID(hex=json.loads(event)["interaction_id"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return uuid5(NAMESPACE_OID, event)


def pseudonym_of(event: str) -> str | None:
    """Whose it is, for erasure."""
    try:
        found = json.loads(event).get("user_pseudonym")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
