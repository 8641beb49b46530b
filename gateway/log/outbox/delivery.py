"""Events into the database, each once however often it is sent, and the ones it will not take told
apart from the rest. What makes it once is the table's unique key."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, inspect, select

from gateway.log import tombstones
from gateway.log.event import BadEvent, Row, TableShape
from gateway.log.faults import Fault, fault_of
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.redaction import fields_of, without_person
from gateway.log.schema.privacy_tables import tombstones as tombstones_table
from gateway.log.schema.tables import interactions, votes
from gateway.log.tombstones import Tombstones
from gateway.log.votes import FIELD, vote_row

# A deadlock's victim tries again after 5-10 ms, 10-20 ms, 20-40 ms: the winner needs about that.
CONFLICT_RETRIES = 3
CONFLICT_PAUSE_S = 0.01
# So many single rows failing, and none passing, say that it is not the rows.
HOPELESS_ROWS = 8
# How long a column that was missing is not looked for again.
COLUMNS_AGE_S = 10
# An event is committed at its request's end, which its deadline (30 s) bounds; its begin is no more
# than this earlier. Longer, and each batch would read the tombstones of a mass erasure.
LONGEST_REQUEST_S = 300


class ServerFault(Exception):
    """The database takes nothing now; says nothing of any event."""


class _Overtaken(Exception):
    """Somebody in a batch was erased while it was on its way."""


@dataclass
class Outcome:
    """`left_out`: fields that the database has no column for. `erased`: events as they were whose
    person has been erased; their rows say neither who nor what."""

    accepted: list[SpooledEvent] = field(default_factory=list)
    rejected: list[tuple[SpooledEvent, Exception]] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    erased: list[SpooledEvent] = field(default_factory=list)


@dataclass
class _Round:
    outcome: Outcome
    doubtful: list[tuple[SpooledEvent, Exception]] = field(default_factory=list)


EventRow = tuple[SpooledEvent, Row]


class Delivery:
    def __init__(self, engine: Engine, on_retry: Callable[[str], None]) -> None:
        self._engine = engine
        self._on_retry = on_retry
        self._shape: TableShape | None = None
        self._shape_read_at = 0.0
        self._has_tombstones = False
        self._since = datetime.now(UTC)
        self._tombstones = Tombstones()
        self._sample: Row | None = None

    def deliver(self, batch: Sequence[SpooledEvent]) -> Outcome:
        """Raises ServerFault; what it had accepted until then may be sent again."""
        try:
            while True:
                try:
                    return self._deliver(batch)
                except _Overtaken:  # all of it again: what is in already is no error
                    continue
        except Exception as error:
            # Afresh next time: the address may lead to another server by then (one that has become
            # read-only goes on answering), and the table may have changed.
            self._shape = None
            self._engine.dispose()
            if isinstance(error, ServerFault):
                raise
            raise ServerFault from error

    def _deliver(self, batch: Sequence[SpooledEvent]) -> Outcome:
        outcome = Outcome()
        this = _Round(outcome)
        self._sift(self._event_rows(self._permitted(batch, outcome), outcome), this)
        if this.doubtful:
            if not self._takes_rows(outcome):
                raise ServerFault from this.doubtful[0][1]
            outcome.rejected += this.doubtful
        if outcome.rejected:
            self._shape = None  # the table may have changed: looked at before they are tried again
        return outcome

    def _permitted(self, batch: Sequence[SpooledEvent], outcome: Outcome) -> Sequence[SpooledEvent]:
        """The batch, without person or content where its person has been erased."""
        self._columns()
        oldest = min((spooled.at for spooled in batch), default=0.0) - LONGEST_REQUEST_S
        self._since = datetime.fromtimestamp(max(0.0, oldest), UTC)
        with self._engine.connect() as connection:
            self._tombstones = self._read_tombstones(connection)
        if not self._tombstones:
            return batch
        return [self._redacted(spooled, outcome) for spooled in batch]

    def _read_tombstones(self, connection: Connection) -> Tombstones:
        if not self._has_tombstones:
            return Tombstones()
        return tombstones.since(connection, self._since)

    def _redacted(self, spooled: SpooledEvent, outcome: Outcome) -> SpooledEvent:
        try:
            if not self._tombstones.cover(fields_of(spooled.event)):
                return spooled
            redacted = without_person(spooled.event)
        except BadEvent:  # said of it when it is made a row
            return spooled
        outcome.erased.append(spooled)
        return replace(spooled, event=redacted)

    def _event_rows(self, batch: Sequence[SpooledEvent], outcome: Outcome) -> list[EventRow]:
        shape = self._columns()
        event_rows: dict[object, EventRow] = {}
        for spooled in batch:
            try:
                row, left_out = shape.row(spooled.event)
            except BadEvent as error:
                outcome.rejected.append((spooled, error))
                continue
            outcome.left_out |= left_out - {FIELD}  # has a table of its own
            if row["interaction_id"] in event_rows:  # twice in a batch: one row, and both are done
                outcome.accepted.append(spooled)
            else:
                event_rows[row["interaction_id"]] = (spooled, row)
        if outcome.left_out and time.monotonic() - self._shape_read_at > COLUMNS_AGE_S:
            self._shape = None  # next time the column may be there
        return list(event_rows.values())

    def _columns(self) -> TableShape:
        if self._shape is None:
            inspector = inspect(self._engine)
            columns = inspector.get_columns(interactions.name)
            # A database that is a step behind has none.
            self._has_tombstones = inspector.has_table(tombstones_table.name)
            mandatory = [column["name"] for column in columns if not column["nullable"]]
            names = [column["name"] for column in columns]
            self._shape = TableShape.of(interactions, names, mandatory)
            self._shape_read_at = time.monotonic()
        return self._shape

    def _sift(self, event_rows: list[EventRow], this: _Round) -> None:
        """Insert all, or halve until those that will not do are alone."""
        if not event_rows:
            return
        try:
            self._insert(event_rows)
        except _Overtaken:
            raise
        except Exception as error:
            fault = fault_of(error)
            if fault not in (Fault.EVENT, Fault.UNKNOWN, Fault.DUPLICATE):
                raise ServerFault from error
            if len(event_rows) > 1:
                # Mixed, or rows that stand together would speak for all in HOPELESS_ROWS.
                random.shuffle(event_rows)
                middle = len(event_rows) // 2
                self._sift(event_rows[:middle], this)
                self._sift(event_rows[middle:], this)
                return
            certain = fault is not Fault.UNKNOWN
            (this.outcome.rejected if certain else this.doubtful).append((event_rows[0][0], error))
            if len(this.doubtful) == HOPELESS_ROWS and not self._takes_rows(this.outcome):
                raise ServerFault from error
        else:
            this.outcome.accepted += [spooled for spooled, _ in event_rows]
            self._sample = event_rows[-1][1]

    def _takes_rows(self, outcome: Outcome) -> bool:
        """Whether others pass, so that those that do not are to blame themselves: in this round,
        or now, on trial, the last one that did."""
        if outcome.accepted or self._sample is None:
            return bool(outcome.accepted)
        try:
            with self._engine.connect() as connection:  # and no commit: it may have been erased
                connection.execute(insert(self._columns().table), self._sample)
        except Exception as error:
            return fault_of(error) is Fault.DUPLICATE
        return True

    def _insert(self, event_rows: list[EventRow]) -> None:
        """In one transaction. A duplicate key is not an error, another error is raised."""
        missing = rows = [row for _, row in event_rows]
        cast = [vote for spooled, row in event_rows if (vote := vote_row(spooled.event, row))]
        for attempt in range(1 + CONFLICT_RETRIES):
            try:
                with self._engine.begin() as connection:
                    for alike in _by_columns(missing):
                        connection.execute(insert(self._columns().table), alike)
                    if cast:  # of rows that were there already the votes were, too
                        new = {row["interaction_id"] for row in missing}
                        if fresh := [vote for vote in cast if vote["vote_id"] in new]:
                            connection.execute(insert(votes), fresh)
                    # Looked at only now: whoever puts one up later finds these rows, or waits for
                    # them; and nothing was read in this transaction that would hide an earlier one.
                    later = self._read_tombstones(connection).later_than(self._tombstones)
                    if later and any(later.cover(fields_of(sent.event)) for sent, _ in event_rows):
                        raise _Overtaken
                return
            except _Overtaken:
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
                    # A transaction of its own: under REPEATABLE READ the one that failed would go
                    # on seeing the table as it was when it began.
                    missing = self._missing(rows)

    def _missing(self, rows: list[Row]) -> list[Row]:
        key = self._columns().table.c.interaction_id
        with self._engine.begin() as connection:
            wanted = [row["interaction_id"] for row in rows]
            known = set(connection.scalars(select(key).where(key.in_(wanted))))
        return [row for row in rows if row["interaction_id"] not in known]


def _by_columns(rows: list[Row]) -> Iterable[list[Row]]:
    """Rows of one statement fill the same columns: one list as a rule, more while versions mix."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    return alike.values()
