"""The figures that a verdict is made of: what happened at both revisions, block after block. Every
gateway may count a block. The first to write it down decides what it says, for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from gateway.canary.evidence import Counts
from gateway.canary.record import Canary
from gateway.canary.verdict import Block
from gateway.identity.scopes import ASK, CARD, MATCH
from gateway.log.schema.canary_tables import canary_figures
from gateway.log.schema.columns import utc_now
from gateway.log.schema.tables import feedback, interactions

BLOCK_S = 5
# Rows of a block may still be in a transaction of a forwarder when its time is over.
SETTLE_S = 2
# A thumb waits for the row that it is about, and to be counted: it belongs to a later block.
VOTES_LATER = 2
# After an outage of the database, in one go.
MAX_BLOCKS = 100
# Of the baseline, to say what is slow at a start.
RECENT = timedelta(hours=1)
MOST_ANSWERS, FEWEST_ANSWERS = 2_000, 100
SLOW_SHARE = 0.95
# Where it has answered too little: the objective of the alert.
SLOW_MS = 600.0

SIDES = ("baseline", "canary")
COUNTED = ("requests", "failed", "computed", "slow", "votes", "down")
row = interactions.c


@dataclass(frozen=True)
class SideFigures:
    requests: int = 0
    failed: int = 0
    computed: int = 0
    slow: int = 0
    votes: int = 0
    down: int = 0

    def block(self) -> Block:
        return Block(
            Counts(self.requests, self.failed),
            Counts(self.computed, self.slow),
            Counts(self.votes, self.down),
        )

    def __add__(self, other: "SideFigures") -> "SideFigures":
        return SideFigures(*(getattr(self, n) + getattr(other, n) for n in COUNTED))


@dataclass(frozen=True)
class CountedBlock:
    number: int
    baseline: SideFigures
    canary: SideFigures


def database_now(engine: Engine) -> datetime:
    with engine.connect() as connection:
        now: datetime = connection.execute(select(utc_now())).scalar_one()
    return now


def count_due(engine: Engine, canary: Canary) -> None:
    """Count and write down the blocks that are over. Raises SQLAlchemyError."""
    last = select(func.max(canary_figures.c.block)).where(canary_figures.c.canary == canary.number)
    with engine.connect() as connection:
        counted = connection.scalar(last)
    now = database_now(engine)
    begin = 0 if counted is None else counted + 1
    over_s = (now - canary.started_at).total_seconds() - SETTLE_S
    for number in range(begin, min(int(over_s // BLOCK_S), begin + MAX_BLOCKS)):
        _count(engine, canary, number)


def read_blocks(engine: Engine, canary: Canary, since: int = 0) -> list[CountedBlock]:
    """In order, from block `since` on. Raises SQLAlchemyError."""
    column = canary_figures.c
    query = (
        select(canary_figures)
        .where(column.canary == canary.number, column.block >= since)
        .order_by(column.block)
    )
    found: dict[int, dict[str, SideFigures]] = {}
    with engine.connect() as connection:
        for each in connection.execute(query):
            figures = SideFigures(*(getattr(each, name) for name in COUNTED))
            found.setdefault(each.block, {})[each.side] = figures
    return [CountedBlock(number, **sides) for number, sides in found.items()]


def slow_ms_of(engine: Engine, revision: str) -> float:
    """Slower than 95 of 100 answers that this revision has computed in the last hour. Raises
    SQLAlchemyError."""
    since = database_now(engine) - RECENT
    query = (
        select(row.total_ms)
        .where(row.arrived_at >= since, row.model_revision == revision, _computed(), _live())
        .order_by(row.arrived_at.desc())
        .limit(MOST_ANSWERS)
    )
    with engine.connect() as connection:
        times = sorted(connection.execute(query).scalars())
    if len(times) < FEWEST_ANSWERS:
        return SLOW_MS
    return float(round(times[int(SLOW_SHARE * len(times))], 1))


def _count(engine: Engine, canary: Canary, number: int) -> None:
    begin = canary.started_at + timedelta(seconds=number * BLOCK_S)
    end = begin + timedelta(seconds=BLOCK_S)
    later = timedelta(seconds=VOTES_LATER * BLOCK_S)
    with engine.connect() as connection:
        asked = _requests(connection, canary, begin, end)
        voted = {}
        if number >= VOTES_LATER:
            voted = _votes(connection, canary, begin - later, end - later)
    rows = []
    for side, revision in zip(SIDES, (canary.baseline, canary.candidate), strict=True):
        figures = (*asked.get(revision, (0, 0, 0, 0)), *voted.get(revision, (0, 0)))
        named = dict(zip(COUNTED, figures, strict=True))
        rows.append({"canary": canary.number, "block": number, "side": side, **named})
    try:
        with engine.begin() as connection:
            connection.execute(insert(canary_figures), rows)
    except IntegrityError:  # another gateway was faster, and its figures count
        return


def _requests(
    connection: Connection, canary: Canary, begin: datetime, end: datetime
) -> dict[str, Sequence[int]]:
    """By revision: requests that went to a replica and those that failed, answers that were
    computed and those that were slow. A hit is neither: a canary begins with a cold cache. Who
    left after so long that the answer was slow in any case has seen a slow one. Who left sooner
    has seen nothing of it, at neither revision."""
    asked = or_(row.cache.is_(None), row.cache == "miss")
    failed = and_(row.outcome == "failed", asked)
    late = row.total_ms > canary.slow_ms
    left = and_(row.outcome == "cancelled", asked, late)
    query = (
        select(
            row.model_revision,
            _sum(or_(_computed(), failed)),
            _sum(failed),
            _sum(or_(_computed(), left)),
            _sum(or_(and_(_computed(), late), left)),
        )
        .where(row.arrived_at >= begin, row.arrived_at < end)
        .where(row.model_revision.in_([canary.baseline, canary.candidate]), _live())
        .group_by(row.model_revision)
    )
    return _by_revision(connection.execute(query))


def _votes(
    connection: Connection, canary: Canary, begin: datetime, end: datetime
) -> dict[str, Sequence[int]]:
    """By revision: thumbs, and thumbs down. Those of hits count, too: an answer is its model's."""
    vote = feedback.c
    query = (
        select(row.model_revision, func.count(), _sum(vote.vote == "down"))
        .select_from(feedback)
        .join(interactions, row.interaction_id == vote.interaction_id)
        .where(vote.created_at >= begin, vote.created_at < end)
        .where(row.model_revision.in_([canary.baseline, canary.candidate]))
        .group_by(row.model_revision)
    )
    return _by_revision(connection.execute(query))


def _by_revision(rows: Any) -> dict[str, Sequence[int]]:
    return {revision: [int(each) for each in counts] for revision, *counts in rows}


def _computed() -> ColumnElement[bool]:
    return and_(row.outcome == "answered", row.cache == "miss")


def _live() -> ColumnElement[bool]:
    """Not the lines of batches, which may wait for long."""
    return row.kind.in_((ASK, CARD, MATCH))


def _sum(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((which, 1), else_=0))
