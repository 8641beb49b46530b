"""An event: a row of the log as one JSON text, which the spool keeps until a forwarder inserts it.
The text names its version, so that a gateway of another version can forward it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.types import NullType, TypeEngine

from gateway.log.schema.columns import UtcTime, UuidBytes

# Raised when a field changes its meaning; new fields need no new version.
VERSION = 1

Row = dict[str, Any]


def _to_json(value: Any) -> str:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(type(value).__name__)


# ASCII only: a model's text may hold half a surrogate pair, which UTF-8 cannot encode. Such a text
# must not fail here, where it would fail a whole group. The database refuses that one row.
_encode = json.JSONEncoder(separators=(",", ":"), default=_to_json, allow_nan=False).encode


def to_event(row: Mapping[str, Any]) -> str:
    """Encode a row without its empty columns. Raises ValueError for NaN and infinity."""
    filled = {name: value for name, value in row.items() if value is not None}
    return _encode({"v": VERSION, **filled})


class BadEvent(Exception):
    """A text is not an event of any version."""


@dataclass(frozen=True)
class TableShape:
    """The columns that the database has now. Its schema may be older or newer than this code."""

    table: Table
    _null_row: Row
    _parsers: tuple[tuple[str, Callable[[str], Any]], ...]
    _mandatory: tuple[str, ...]
    defaults: frozenset[str]
    """Columns that the database fills by itself."""

    @classmethod
    def of(
        cls,
        table: Table,
        columns: Iterable[str],
        mandatory: Iterable[str] = (),
        defaults: Iterable[str] = (),
    ) -> "TableShape":
        """`columns` are the names that the database has, `mandatory` those that may not be NULL,
        `defaults` those that it fills by itself. A column that `table` lacks takes the event's
        value as it is."""
        types = {name: table.c[name].type if name in table.c else NullType() for name in columns}
        present = Table(table.name, MetaData(), *(Column(n, kind) for n, kind in types.items()))
        parsers = [(name, _parser(kind)) for name, kind in types.items()]
        return cls(
            present,
            dict.fromkeys(types),
            tuple((name, parser) for name, parser in parsers if parser),
            tuple(mandatory),
            frozenset(defaults),
        )

    def row(self, event: str) -> tuple[Row, set[str]]:
        """The row to insert, and the names of fields without a column. A column that the event does
        not fill is NULL. A mandatory one is absent, so that it takes its default. Raises
        BadEvent."""
        try:
            fields = _parsed(event)
            del fields["v"]
            unknown_fields = fields.keys() - self._null_row.keys()
            row = {**self._null_row, **fields}  # in the table's order: rows get the same keys
            for name in unknown_fields:
                del row[name]
            for name, parse in self._parsers:
                if row[name] is not None:
                    row[name] = parse(row[name])
            for name in self._mandatory:
                if row[name] is None:
                    del row[name]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise BadEvent(type(error).__name__) from error
        if row.get("interaction_id") is None:
            raise BadEvent("no interaction_id")
        return row, unknown_fields


def _parsed(event: str) -> Any:
    """Raises ValueError."""
    try:
        return orjson.loads(event)  # 3 us, where json takes 10
    except ValueError:  # half of a surrogate pair, which the database is to refuse
        return json.loads(event)


def _parser(kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """What turns the event's value into the column's; None where they are the same."""
    if isinstance(kind, UuidBytes):
        return UUID
    if isinstance(kind, UtcTime):
        return datetime.fromisoformat
    return None


def id_of(event: str) -> UUID:
    """The id of the event's interaction. For a text that is no event: an id made from the text."""
    try:
        return UUID(hex=json.loads(event)["interaction_id"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return uuid5(NAMESPACE_OID, event)


def pseudonym_of(event: str) -> str | None:
    """The pseudonym of the user who asked, None without one. Erasure needs it."""
    try:
        pseudonym = json.loads(event).get("user_pseudonym")
    except (ValueError, AttributeError):
        return None
    return pseudonym if isinstance(pseudonym, str) else None
