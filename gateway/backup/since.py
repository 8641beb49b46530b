"""What a restore must not undo: erasures, and keys that were revoked or rotated. A backup knows
only those of before. They are kept apart, as JSON lines, and put into the database that was
restored."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from sqlalchemy import Connection, insert, inspect, select, update

from gateway.backup.server import private
from gateway.log.rollups.retention import AUDIT_DAYS
from gateway.log.schema.access_tables import api_keys, key_audit
from gateway.log.schema.privacy_tables import audit
from gateway.log.schema.privacy_tables import tombstones as tombstone_table
from gateway.log.tombstones import Subject, upsert

AUDITS = (audit, key_audit)
# What the last line of a file is.
END = "end"


@dataclass
class Since:
    erased: dict[Subject, datetime] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    """By `key_id`."""
    audits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows by the name of their table."""
    expires: dict[str, datetime] = field(default_factory=dict)
    """By `key_id`. A key that was rotated has an end that it had not when it was backed up."""

    @classmethod
    def read(cls, connection: Connection) -> "Since":
        """Of a database as it is; nothing where it has no tables."""
        since, there = cls(), set(inspect(connection).get_table_names())
        if tombstone_table.name in there:
            for row in connection.execute(select(tombstone_table)):
                since.erased[Subject(row.tenant, row.kind, row.subject)] = row.erased_at
        if api_keys.name in there:
            for row in connection.execute(select(api_keys)):
                for moments, at in (
                    (since.revoked, row.revoked_at),
                    (since.expires, row.expires_at),
                ):
                    if at is not None:
                        moments[row.key_id] = at
        for table in AUDITS:
            if table.name in there:
                rows = connection.execute(select(table)).mappings()
                since.audits[table.name] = [dict(row) for row in rows]
        return since

    def join(self, other: "Since") -> None:
        """Take in what another one knows; the later moment of an erasure counts, and the earlier
        end of a key."""
        for subject, at in other.erased.items():
            self.erased[subject] = max(at, self.erased.get(subject, at))
        self.revoked = other.revoked | self.revoked
        for name, at in other.expires.items():
            self.expires[name] = min(at, self.expires.get(name, at))
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
        for name, moment in self.expires.items():
            changed = {"expires_at": moment, "changes": key.changes + 1}
            lasts_longer = key.expires_at.is_(None) | (key.expires_at > moment)
            is_it = (key.key_id == name) & lasts_longer
            connection.execute(update(api_keys).where(is_it).values(changed))
        for table in AUDITS:
            there = {row["audit_id"] for row in known.audits.get(table.name, ())}
            new = [row for row in self.audits.get(table.name, ()) if row["audit_id"] not in there]
            if new:
                connection.execute(insert(table), new)

    def save(self, file: Path, *, may_lack_end: bool = False) -> None:
        """Take in what the file knows, and replace it. Of several at a time each waits for the one
        before. Raises as `load`.

        The file is whole or as it was, after a power failure too. Its last line says how many are
        before it, so that a copy of it that broke off is told from a whole one. It holds
        pseudonyms: only its owner can read it."""
        file = file.resolve()  # a link leads to another disk, and stays one
        partial = file.with_name(file.name + ".part")
        with _alone(partial) as out:
            if file.exists():
                self.join(Since.load(file, may_lack_end=may_lack_end))
            lines = list(self._lines())
            # In the last line, of which versions before read the number alone.
            lines.append({"is": END, "lines": len(lines), "expires": self.expires})
            out.writelines(json.dumps(line, default=_text) + "\n" for line in lines)
            out.flush()
            os.fsync(out.fileno())
            partial.replace(file)

    @classmethod
    def load(cls, file: Path, *, may_lack_end: bool = False) -> "Since":
        """Raises ValueError for what is none of these files or not whole, OSError. With
        `may_lack_end` a file without its last line counts, too: nobody can tell whether it is
        whole."""
        since, ends_after, lines = cls(), None, 0
        with file.open(encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                if ends_after is not None:
                    raise ValueError(f"{file} goes on behind its end, in line {number}")
                try:
                    ends_after = since._take(json.loads(line))
                except (ValueError, LookupError, TypeError, AttributeError):
                    raise ValueError(
                        f"{file} is no file of `shopsight erasures --save`: line {number} cannot be"
                        " read"
                    ) from None
                lines = number
        if ends_after is None and (not lines or not may_lack_end):
            raise ValueError(
                f"{file} is not whole: its last line, which says how many there are, is missing"
            )
        if ends_after is not None and ends_after != lines - 1:
            raise ValueError(f"{file} is not whole: of {ends_after} lines {lines - 1} are there")
        return since

    def _take(self, row: dict[str, Any]) -> int | None:
        """One line of a file. If it is the last, how many should be before it."""
        kind = row.pop("is")
        if kind == END:
            ends = row.get("expires", {}).items()
            self.expires = {key: datetime.fromisoformat(at) for key, at in ends}
            return int(row["lines"])
        if kind == "erased":
            subject = Subject(row["tenant"], row["kind"], row["subject"])
            self.erased[subject] = datetime.fromisoformat(row["at"])
        elif kind == "revoked":
            self.revoked[row["key"]] = datetime.fromisoformat(row["at"])
        elif kind in {table.name for table in AUDITS}:
            self.audits.setdefault(kind, []).append(_typed(row))
        else:
            raise ValueError(kind)
        return None

    def _lines(self) -> Iterator[dict[str, Any]]:
        for subject, at in self.erased.items():
            whose = {"tenant": subject.tenant, "kind": subject.kind, "subject": subject.name}
            yield {"is": "erased", **whose, "at": at}
        for key, at in self.revoked.items():
            yield {"is": "revoked", "key": key, "at": at}
        oldest = datetime.now(UTC) - timedelta(days=AUDIT_DAYS)  # the database drops them, too
        for table, rows in self.audits.items():
            yield from ({"is": table, **row} for row in rows if row["done_at"] >= oldest)


@contextmanager
def _alone(partial: Path) -> Iterator[TextIO]:
    """The file to write to, empty, and nobody else's until it has another name. It goes where that
    fails. One that a killed process has left is taken over."""
    while True:
        with open(partial, "a", opener=private) as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            if not _is_at(out, partial):  # who held it has replaced the whole one by it
                continue
            out.truncate(0)
            try:
                yield out
            finally:
                if _is_at(out, partial):
                    partial.unlink()
            return


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


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
