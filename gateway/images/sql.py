"""The database of uploads, as requests ask it: not while it has just failed. Threads that wait for
a database that hangs would keep all behind them, and the photos of these, for minutes."""

import contextlib
import time
from collections.abc import Iterator

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.images.store import PAUSE_S


class DatabasePausedError(SQLAlchemyError):
    """It failed a moment ago."""


class PausingDatabase:
    """From any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._paused_until = 0.0

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction. Raises SQLAlchemyError."""
        if time.monotonic() < self._paused_until:
            raise DatabasePausedError
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:  # an answer
            raise
        except SQLAlchemyError:
            self._paused_until = time.monotonic() + PAUSE_S
            raise
