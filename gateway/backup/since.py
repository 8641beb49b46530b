"""What a restore must not undo: erasures, and keys that were revoked. A backup knows only those of
before. They are kept apart, as JSON lines, and put into the database that was restored."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, inspect, select, update

from gateway.backup.server import private
from gateway.log.schema.access_tables import api_keys, key_audit
from gateway.log.schema.privacy_tables import audit
from gateway.log.schema.privacy_tables import tombstones as tombstone_table
from gateway.log.tombstones import Subject, upsert

AUDITS = (audit, key_audit)


@dataclass
class Since:
    erased: dict[Subject, datetime] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    """By `key_id`."""
    audits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows by the name of their table."""

    @classmethod
    def read(cls, connection: Connection) -> "Since":
        """Of a database as it is; nothing where it has no tables."""
        since, there = cls(), set(inspect(connection).get_table_names())
        if tombstone_table.name in there:
            for row in connection.execute(select(tombstone_table)):
                since.erased[Subject(row.tenant, row.kind, row.subject)] = row.erased_at
        if api_keys.name in there:
            for row in connection.execute(
                select(api_keys).where(api_keys.c.revoked_at.is_not(None))
            ):
                since.revoked[row.key_id] = row.revoked_at
        for table in AUDITS:
            if table.name in there:
                rows = connection.execute(select(table)).mappings()
                since.audits[table.name] = [dict(row) for row in rows]
        return since

    def join(self, other: "Since") -> None:
        """Take in what another one knows; the later moment of an erasure counts."""
        for subject, at in other.erased.items():
            self.erased[subject] = max(at, self.erased.get(subject, at))
        self.revoked = other.revoked | self.revoked
        for name, rows in other.audits.items():
            own = self.audits.setdefault(name, [])
            there = {row["audit_id"] for row in own}
            own += [row for row in rows if row["audit_id"] not in there]

    def put_into(self, connection: Connection) -> None:
        """In the caller's transaction. Later moments stay."""
        known = Since.read(connection)
        for moment in sorted(set(self.erased.values())):
            later = [
                subject
                for subject, at in self.erased.items()
                if at == moment and known.erased.get(subject, moment) <= moment
            ]
            upsert(connection, later, moment)
        key = api_keys.c
        for name, moment in self.revoked.items():
            changed = {"revoked_at": moment, "changes": key.changes + 1}
            is_it = (key.key_id == name) & key.revoked_at.is_(None)
            connection.execute(update(api_keys).where(is_it).values(changed))
        for table in AUDITS:
            there = {row["audit_id"] for row in known.audits.get(table.name, ())}
            new = [row for row in self.audits.get(table.name, ()) if row["audit_id"] not in there]
            if new:
                connection.execute(insert(table), new)

    def save(self, file: Path) -> None:
        """Whole or not there. It holds pseudonyms: only its owner can read it."""
        partial = file.with_name(file.name + ".part")
        with open(partial, "w", opener=private) as out:
            out.writelines(json.dumps(line, default=_text) + "\n" for line in self._lines())
        partial.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Since":
        """Raises ValueError for what is none of these files, OSError."""
        since = cls()
        with file.open() as lines:
            for line in map(json.loads, lines):
                kind, row = line.pop("is"), line
                if kind == "erased":
                    subject = Subject(row["tenant"], row["kind"], row["subject"])
                    since.erased[subject] = datetime.fromisoformat(row["at"])
                elif kind == "revoked":
                    since.revoked[row["key"]] = datetime.fromisoformat(row["at"])
                else:
                    since.audits.setdefault(kind, []).append(_typed(row))
        return since

    def _lines(self) -> Iterator[dict[str, Any]]:
        for subject, at in self.erased.items():
            whose = {"tenant": subject.tenant, "kind": subject.kind, "subject": subject.name}
            yield {"is": "erased", **whose, "at": at}
        for key, at in self.revoked.items():
            yield {"is": "revoked", "key": key, "at": at}
        for table, rows in self.audits.items():
            yield from ({"is": table, **row} for row in rows)


def row_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    names = sorted(inspect(connection).get_table_names())
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {quote(name)}").scalar_one())  # noqa: S608
        for name in names
    }


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    ids = {"audit_id": UUID(row["audit_id"]), "done_at": datetime.fromisoformat(row["done_at"])}
    return {**row, **ids}


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
