"""One person's erasure from files, lines and results. What is in a file is overwritten where it is,
so that the other lines keep their places."""

import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, delete, insert, select, update

from gateway.batch.check import parse_line, raw_lines, user_of
from gateway.batch.file import INPUT, StoredFile, path_of
from gateway.identity.pseudonyms import Pseudonyms
from gateway.log import tombstones
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches, files
from gateway.log.schema.partitions import first_id_at

# Rows of one transaction.
CHUNK = 500
# Lines without the name of the field, or an escape that may spell it, are not parsed.
NAMES_USER = (b'"user"', b"\\u00")
NAMES_CUSTOM_ID = (b'"custom_id"',)
# In the place of a line of an output or error file, filled up with spaces.
ERASED = b'{"custom_id":null,"response":null,"error":{"code":"erased"}}'

batch, line, result = batches.c, batch_lines.c, batch_results.c


@dataclass(frozen=True)
class FilesErased:
    lines: int = 0
    """Of uploaded files, whether a batch was made of them or not."""
    results: int = 0
    """Of output and error files."""


class BatchErasure:
    """Blocks, and raises SQLAlchemyError and OSError. May be done again: what one that broke off
    has left is found again."""

    def __init__(self, engine: Engine, folder: Path, pseudonyms: Pseudonyms) -> None:
        self._engine = engine
        self._folder = folder
        self._pseudonyms = pseudonyms

    def erase(self, tenant: str, names: Collection[str], at: datetime) -> FilesErased:
        """Everything up to the moment `at`, in UTC, of the person with these pseudonyms. The rows
        are emptied before the files that are written of them, and forgotten after."""
        lines = 0
        ids: dict[uuid.UUID, set[str]] = defaultdict(set)
        for key in self._input_files(tenant, at):
            found = self._scrub_input(key, tenant, names)
            lines += len(found)
            for batch_key in self._batches_of(key) if found else ():
                ids[batch_key] |= found
        for batch_key in ids:
            self._end_lease(batch_key)
        self._empty_lines(tenant, names, at)
        persons = _persons(result.user_pseudonym, tenant, names, at)
        with self._engine.begin() as connection:
            empty = update(batch_results).where(persons).values(result=None, outcome="erased")
            connection.execute(empty)
            query = select(result.batch_id, result.custom_id).where(persons)
            for row in connection.execute(query.where(result.custom_id.is_not(None))):
                ids[row.batch_id].add(row.custom_id)
        results = sum(self._scrub_outputs(key, found) for key, found in ids.items())
        with self._engine.begin() as connection:
            forget = {"custom_id": None, "user_pseudonym": None}
            connection.execute(update(batch_results).where(persons).values(forget))
        return FilesErased(lines, results)

    def erase_late(self, file: StoredFile) -> None:
        """A file that was on its way while a person of it was erased. To be called once its row is
        committed: an erasure that is not seen here sees the row."""
        with self._engine.connect() as connection:
            stones = tombstones.read_since(connection, file.created_at)
        names = {stone.name for stone in stones.erased_at if stone.tenant == file.tenant}
        if names:
            self._scrub_input(file.key, file.tenant, names)

    def _input_files(self, tenant: str, at: datetime) -> Sequence[uuid.UUID]:
        own = files.c
        inputs = and_(own.tenant == tenant, own.purpose == INPUT, own.created_at <= at)
        with self._engine.connect() as connection:
            return connection.scalars(select(own.file_id).where(inputs)).all()

    def _batches_of(self, file: uuid.UUID) -> Sequence[uuid.UUID]:
        with self._engine.connect() as connection:
            query = select(batch.batch_id).where(batch.input_file_id == file)
            return connection.scalars(query).all()

    def _scrub_input(self, key: uuid.UUID, tenant: str, names: Collection[str]) -> set[str]:
        """Blank the person's lines. Returns their custom_ids; none again once they are blank."""

        def is_persons(value: dict[str, Any]) -> bool:
            user = user_of(value)
            own = () if user is None else self._pseudonyms.every(tenant, user)
            return not set(own).isdisjoint(names)

        return overwrite(path_of(self._folder, key), NAMES_USER, is_persons, b"")

    def _empty_lines(self, tenant: str, names: Collection[str], at: datetime) -> None:
        """Lines that wait or are under way become results without content: no worker can finish
        them from now on. They count as failed, so that the batch comes to its end."""
        query = select(batch_lines).where(_persons(line.user_pseudonym, tenant, names, at))
        while True:
            with self._engine.begin() as connection:
                rows = connection.execute(query.limit(CHUNK).with_for_update()).all()
                for row in rows:
                    which = and_(line.batch_id == row.batch_id, line.place == row.place)
                    if not connection.execute(delete(batch_lines).where(which)).rowcount:
                        continue
                    own = {
                        "batch_id": row.batch_id,
                        "number": row.number,
                        "custom_id": row.custom_id,
                        "outcome": "erased",
                        "user_pseudonym": row.user_pseudonym,
                    }
                    connection.execute(insert(batch_results), own)
                    count = update(batches).where(batch.batch_id == row.batch_id)
                    connection.execute(count.values(failed=batch.failed + 1))
            if len(rows) < CHUNK:
                return

    def _end_lease(self, key: uuid.UUID) -> None:
        """Who checks the file or writes what came of it just now has to begin again."""
        lost = {"fence": batch.fence + 1, "leased_until": batch.created_at}
        with self._engine.begin() as connection:
            connection.execute(update(batches).where(batch.batch_id == key).values(lost))

    def _scrub_outputs(self, key: uuid.UUID, custom_ids: Collection[str]) -> int:
        """Out of what was written; who writes just now begins again without the person."""
        self._end_lease(key)
        with self._engine.connect() as connection:
            row = connection.execute(select(batches).where(batch.batch_id == key)).first()
        written = () if row is None else (row.output_file_id, row.error_file_id)

        def is_persons(value: dict[str, Any]) -> bool:
            return value.get("custom_id") in custom_ids

        paths = [path_of(self._folder, file) for file in written if file is not None]
        found = [overwrite(path, NAMES_CUSTOM_ID, is_persons, ERASED) for path in paths]
        return sum(map(len, found))


def overwrite(
    path: Path, signs: Collection[bytes], which: Callable[[dict[str, Any]], bool], by: bytes
) -> set[str]:
    """Overwrite the lines of a JSONL file that `which` chooses, each with `by` and spaces up to its
    length. Lines with none of `signs` are not parsed. Returns their custom_ids. A file that is gone
    has none."""
    found: set[str] = set()
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return found
    with file:
        places = []
        for _, position, raw in raw_lines(file):
            if not any(sign in raw for sign in signs):
                continue
            value = parse_line(raw)
            if value is not None and which(value):
                places.append((position, len(raw.rstrip(b"\n"))))
                found.add(str(value.get("custom_id")))
        for position, length in places:
            file.seek(position)
            file.write(by.ljust(length))
        if places:
            file.flush()
            os.fsync(file.fileno())
    return found


def _persons(
    pseudonym: ColumnElement[Any], tenant: str, names: Collection[str], at: datetime
) -> ColumnElement[bool]:
    """By the file's upload, not by the batch's making: that may have been during the erasure."""
    own: Select[Any] = select(batch.batch_id)
    last = first_id_at(at + timedelta(milliseconds=1))
    own = own.where(batch.tenant == tenant, batch.input_file_id < last)
    key = line.batch_id if pseudonym is line.user_pseudonym else result.batch_id
    return and_(pseudonym.in_(list(names)), key.in_(own))
