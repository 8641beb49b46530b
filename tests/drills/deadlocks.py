"""Deadlocks under load, real ones: somebody's transaction locks the end of an index, waits until
the forwarder's insert stands before it, and then wants the row that this insert holds."""

import contextlib
import threading
import time

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gateway.log.outbox.dead_letters import count
from tests.drills.fleet import Database, fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge

# The transaction that has written more survives: this one always has.
BALLAST_ROWS = 1_000


class Saboteur:
    """A context: one deadlock after the other, until it is left."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        with self._engine.begin() as connection:
            connection.execute(text("CREATE TABLE ballast (n INT)"))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.3):
            with contextlib.suppress(OperationalError), self._engine.connect() as connection:
                rows = [{"n": n} for n in range(BALLAST_ROWS)]
                connection.execute(text("INSERT INTO ballast VALUES (:n)"), rows)
                newest = "SELECT MAX(asked_at) FROM interactions"
                lock = f"SELECT 1 FROM interactions WHERE asked_at >= ({newest}) FOR UPDATE"
                connection.execute(text(lock)).all()
                time.sleep(0.3)  # the forwarders insert at the end of the index, and wait
                last = "SELECT 1 FROM interactions ORDER BY interaction_id DESC LIMIT 1 FOR UPDATE"
                connection.execute(text(last)).all()
                connection.rollback()


def server_count(database: Database) -> int:
    """Deadlocks as MariaDB counts them, whoever was the victim."""
    with database.engine.connect() as connection:
        return int(connection.execute(text("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")).one()[1])


def drill(seconds: float = 30, per_s: float = 100) -> Verdict:
    with fleet(2) as up:
        with Load(up.gateways, per_s) as load:
            time.sleep(1)
            with Saboteur(up.database):
                time.sleep(seconds)
            calm = time.monotonic()
        up.drained_after()
        recovery_s = time.monotonic() - calm
        conflicts = sum(
            gateway.metric('gateway_log_retries_total{reason="conflict"') for gateway in up.gateways
        )
        verdict, _ = judge(
            "deadlocks",
            up,
            load.ledger,
            recovery_s,
            deadlocks=server_count(up.database),
            retried=conflicts,
            dead_letters=count(up.database.engine),
        )
        return verdict
