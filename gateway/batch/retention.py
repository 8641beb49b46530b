"""What is old goes by itself: files when their time is over, batches when none of their files can
be there any more."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select

from gateway.batch.files import Files
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches

# A batch that ends late has begun so long before the files of its end.
SLACK = timedelta(days=2)
BATCHES_AT_A_TIME = 20


class Retention:
    """Blocks, and raises SQLAlchemyError and OSError."""

    def __init__(self, engine: Engine, store: Files, window_s: int) -> None:
        self._engine = engine
        self._store = store
        self._kept = store.ttl + timedelta(seconds=window_s) + SLACK

    def sweep(self) -> None:
        self._store.sweep()
        before = datetime.now(UTC) - self._kept
        old = select(batches.c.batch_id).where(batches.c.created_at < before)
        while True:
            with self._engine.connect() as connection:
                keys = list(connection.scalars(old.limit(BATCHES_AT_A_TIME)))
            for key in keys:
                with self._engine.begin() as connection:
                    for table in (batch_lines, batch_results, batches):
                        connection.execute(delete(table).where(table.c.batch_id == key))
            if len(keys) < BATCHES_AT_A_TIME:
                return
