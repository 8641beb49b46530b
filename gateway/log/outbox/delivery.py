"""Inserts events into the database, each once however often it is sent, thanks to a unique key.
Tells which events the database refuses; the forwarder decides what becomes of them."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, inspect, select

from gateway.log import tombstones
from gateway.log.event import BadEvent, Row, TableShape
from gateway.log.faults import Fault, fault_of
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.redaction import fields_of, without_person
from gateway.log.schema.many_rows import insert_many
from gateway.log.schema.privacy_tables import tombstones as tombstones_table
from gateway.log.schema.tables import interactions, votes
from gateway.log.tombstones import UPLOADED_FIELD, Subject, Tombstones
from gateway.log.votes import VOTE_FIELD, vote_row

# A deadlock's victim tries again after 5-10 ms, 10-20 ms, 20-40 ms: the winner needs about as long.
CONFLICT_RETRIES = 3
CONFLICT_PAUSE_S = 0.01
# If so many rows fail one by one and none succeeds, the fault is the server's, not the rows'.
MAX_UNKNOWN_FAULTS = 8
# How long a column that was missing is not looked for again.
TABLE_SHAPE_AGE_S = 10
# An event's `asked_at` is so much before its commit at most: DEADLINE_MS, up to 110 s, and 180 s of
# a slow reader. With a larger value each batch would read the tombstones of a mass erasure.
LONGEST_REQUEST_S = 300
# Fields of events that are no columns.
NO_COLUMNS = {VOTE_FIELD, UPLOADED_FIELD}


class ServerFault(Exception):
    """The database accepts no rows now; no event is to blame."""


class ErasedMeanwhile(Exception):
    """A person was erased after the tombstones had been read; the insert was rolled back."""


Events = Sequence[SpooledEvent]
EventRow = tuple[SpooledEvent, Row]
FailedEvent = tuple[SpooledEvent, Exception]


@dataclass
class DeliveryResult:
    """`unknown_fields`: fields that the database has no column for. `erased`: events, as they were
    spooled, of persons who have been erased; their rows were inserted redacted."""

    accepted: list[SpooledEvent] = field(default_factory=list)
    rejected: list[FailedEvent] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    erased: list[SpooledEvent] = field(default_factory=list)


class Delivery:
    def __init__(self, engine: Engine, on_retry: Callable[[str], None]) -> None:
        self._engine = engine
        self._on_retry = on_retry
        self._shape: TableShape | None = None
        self._shape_read_at = 0.0
        self._has_tombstones = False
        self._since = datetime.now(UTC)
        self._in_lines: set[Subject] = set()
        self._tombstones = Tombstones()
        self._last_inserted: Row | None = None

    def deliver(self, events: Events) -> DeliveryResult:
        """Insert a batch. Raises ServerFault: part of it may be stored then, and be sent again."""
        try:
            while True:
                try:
                    return self._deliver(events)
                except ErasedMeanwhile:  # the whole batch again: rows that are there are no error
                    continue
        except Exception as error:
            # Connect and read the columns anew next time. The address may lead to another server
            # by then: one that has become read-only keeps its connections open.
            self._shape = None
            self._engine.dispose()
            if isinstance(error, ServerFault):
                raise
            raise ServerFault from error

    def _deliver(self, events: Events) -> DeliveryResult:
        result = DeliveryResult()
        unknown_faults: list[FailedEvent] = []
        event_rows = self._event_rows(self._redact_erased(events, result), result)
        self._insert_or_split(event_rows, result, unknown_faults)
        if unknown_faults:
            if not self._accepts_rows(result):
                raise ServerFault from unknown_faults[0][1]
            result.rejected += unknown_faults
        if result.rejected:
            self._shape = None  # the table may have changed: read it before these are tried again
        return result

    def _redact_erased(self, events: Events, result: DeliveryResult) -> Events:
        """The events, without person and content where the person has been erased."""
        self._table_shape()
        oldest = min((spooled.at for spooled in events), default=0.0) - LONGEST_REQUEST_S
        self._since = datetime.fromtimestamp(max(0.0, oldest), UTC)
        self._in_lines = tombstones.named_in_lines(spooled.event for spooled in events)
        with self._engine.connect() as connection:
            self._tombstones = self._read_tombstones(connection)
        if not self._tombstones:
            return events
        return [self._redact_if_erased(spooled, result) for spooled in events]

    def _read_tombstones(self, connection: Connection) -> Tombstones:
        if not self._has_tombstones:
            return Tombstones()
        return tombstones.read_since(connection, self._since, self._in_lines)

    def _redact_if_erased(self, spooled: SpooledEvent, result: DeliveryResult) -> SpooledEvent:
        try:
            if not self._tombstones.cover(fields_of(spooled.event)):
                return spooled
            redacted = without_person(spooled.event)
        except BadEvent:  # `_event_rows` rejects it
            return spooled
        result.erased.append(spooled)
        return replace(spooled, event=redacted)

    def _event_rows(self, events: Events, result: DeliveryResult) -> list[EventRow]:
        shape = self._table_shape()
        event_rows: dict[object, EventRow] = {}
        for spooled in events:
            try:
                row, unknown_fields = shape.row(spooled.event)
            except BadEvent as error:
                result.rejected.append((spooled, error))
                continue
            result.unknown_fields |= unknown_fields - NO_COLUMNS
            if row["interaction_id"] in event_rows:  # twice in a batch: one row stands for both
                result.accepted.append(spooled)
            else:
                event_rows[row["interaction_id"]] = (spooled, row)
        if result.unknown_fields and time.monotonic() - self._shape_read_at > TABLE_SHAPE_AGE_S:
            self._shape = None  # a migration may add the column before the next batch
        return list(event_rows.values())

    def _table_shape(self) -> TableShape:
        if self._shape is None:
            inspector = inspect(self._engine)
            columns = inspector.get_columns(interactions.name)
            # A database with an older schema has no such table.
            self._has_tombstones = inspector.has_table(tombstones_table.name)
            mandatory = [column["name"] for column in columns if not column["nullable"]]
            names = [column["name"] for column in columns]
            defaults = [column["name"] for column in columns if column["default"] is not None]
            self._shape = TableShape.of(interactions, names, mandatory, defaults)
            self._shape_read_at = time.monotonic()
        return self._shape

    def _insert_or_split(
        self, event_rows: list[EventRow], result: DeliveryResult, unknown_faults: list[FailedEvent]
    ) -> None:
        """Insert all rows. If that fails, split them until each row that fails is alone. An error
        that may be the event's fault or the server's goes into `unknown_faults`."""
        if not event_rows:
            return
        try:
            self._insert(event_rows)
        except ErasedMeanwhile:
            raise
        except Exception as error:
            fault = fault_of(error)
            if fault not in (Fault.EVENT, Fault.UNKNOWN, Fault.DUPLICATE):
                raise ServerFault from error
            if len(event_rows) > 1:
                # Shuffled: MAX_UNKNOWN_FAULTS bad events in a row must not look like a bad server.
                random.shuffle(event_rows)
                middle = len(event_rows) // 2
                self._insert_or_split(event_rows[:middle], result, unknown_faults)
                self._insert_or_split(event_rows[middle:], result, unknown_faults)
                return
            failed = unknown_faults if fault is Fault.UNKNOWN else result.rejected
            failed.append((event_rows[0][0], error))
            if len(unknown_faults) == MAX_UNKNOWN_FAULTS and not self._accepts_rows(result):
                raise ServerFault from error
        else:
            result.accepted += [spooled for spooled, _ in event_rows]
            self._last_inserted = event_rows[-1][1]

    def _accepts_rows(self, result: DeliveryResult) -> bool:
        """Whether the database accepts other rows, so that an unknown fault is the event's own.
        Some row of this batch proves it, or else a trial insert of the last row that succeeded."""
        if result.accepted or self._last_inserted is None:
            return bool(result.accepted)
        try:
            with self._engine.connect() as connection:  # no commit: its person may be erased by now
                connection.execute(insert(self._table_shape().table), self._last_inserted)
        except Exception as error:
            return fault_of(error) is Fault.DUPLICATE
        return True

    def _insert(self, event_rows: list[EventRow]) -> None:
        """Insert rows and votes in one transaction. A row that is there already is no error; any
        other error is raised, ErasedMeanwhile too."""
        missing = rows = [row for _, row in event_rows]
        vote_rows = [vote for spooled, row in event_rows if (vote := vote_row(spooled.event, row))]
        shape = self._table_shape()
        for attempt in range(1 + CONFLICT_RETRIES):
            try:
                with self._engine.begin() as connection:
                    insert_many(connection, shape.table, missing, shape.defaults)
                    if vote_rows:  # a row that was there already has brought its vote along
                        new_ids = {row["interaction_id"] for row in missing}
                        if new_votes := [vote for vote in vote_rows if vote["vote_id"] in new_ids]:
                            connection.execute(insert(votes), new_votes)
                    # Read after the insert: an erasure that adds its tombstone later finds these
                    # rows or waits for them. And nothing was read before in this transaction, which
                    # would hide a tombstone under REPEATABLE READ.
                    added = self._read_tombstones(connection).newer_than(self._tombstones)
                    if added and any(added.cover(fields_of(sent.event)) for sent, _ in event_rows):
                        raise ErasedMeanwhile
                return
            except ErasedMeanwhile:
                raise
            except Exception as error:
                fault = fault_of(error)
                if attempt == CONFLICT_RETRIES or fault not in (Fault.CONFLICT, Fault.DUPLICATE):
                    raise
                self._on_retry(fault.value)
                if fault is Fault.CONFLICT:
                    longest = CONFLICT_PAUSE_S * 2**attempt
                    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311
                else:
                    # In its own transaction: under REPEATABLE READ the failed one keeps seeing the
                    # table as it was at its start.
                    missing = self._not_stored(rows)

    def _not_stored(self, rows: list[Row]) -> list[Row]:
        key = self._table_shape().table.c.interaction_id
        with self._engine.begin() as connection:
            ids = [row["interaction_id"] for row in rows]
            stored = set(connection.scalars(select(key).where(key.in_(ids))))
        return [row for row in rows if row["interaction_id"] not in stored]
