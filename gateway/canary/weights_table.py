"""Weights of revisions in the database, and in a file of this machine for a start without it."""

import asyncio
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.log.faults import loggable
from gateway.log.schema.canary_tables import revision_weights
from gateway.pool.weights import WeightsVersion

log = logging.getLogger(__name__)

# Beside the spools, as the file of keys: the one folder that every gateway may write and that
# outlives it.
FILE = "weights.json"
column = revision_weights.c


class WeightsTable:
    """What `Weights` keeps besides Redis. Every version is a row, none is changed."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._file = folder / FILE
        self._failing = False
        self._remembered = -1
        # Of its own: a database that hangs must not keep others waiting.
        self._sql = ThreadPoolExecutor(1, thread_name_prefix="weights")

    async def exchange(self, ours: WeightsVersion) -> WeightsVersion:
        """The newest of ours, the table's and, where the database does not answer, the file's."""
        return await asyncio.get_running_loop().run_in_executor(self._sql, self._exchange, ours)

    def close(self) -> None:
        self._sql.shutdown(wait=False, cancel_futures=True)

    def _exchange(self, ours: WeightsVersion) -> WeightsVersion:
        try:
            newest = max(self._stored(ours), ours, key=lambda version: version.number)
            self._failing = False
        except SQLAlchemyError as error:
            if not self._failing:
                log.warning("weights not read", extra={"fields": {"why": loggable(error)}})
            self._failing = True
            newest = max(ours, self._recalled(), key=lambda version: version.number)
        self._remember(newest)
        return newest

    def _stored(self, ours: WeightsVersion) -> WeightsVersion:
        newest = select(revision_weights).order_by(column.version.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(newest).first()
        if row is None or row.version < ours.number:
            if ours.number:
                self._add(ours)
            return ours
        weights = None if row.weights is None else json.loads(row.weights)
        return _version(row.version, weights) or ours

    def _add(self, ours: WeightsVersion) -> None:
        weights = None if ours.weights is None else json.dumps(dict(ours.weights))
        row = {"version": ours.number, "weights": weights}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(revision_weights), row)
        except IntegrityError:  # another gateway has added the same version
            return

    def _remember(self, newest: WeightsVersion) -> None:
        if newest.number == self._remembered:
            return
        half = self._file.with_suffix(f".{os.getpid()}.part")
        try:
            if newest.number > self._recalled().number:  # another gateway shares the folder
                self._file.parent.mkdir(parents=True, exist_ok=True)
                half.write_text(newest.dump())
                os.replace(half, self._file)
            self._remembered = newest.number
        except OSError as error:
            log.warning("weights not saved", extra={"fields": {"why": type(error).__name__}})

    def _recalled(self) -> WeightsVersion:
        try:
            return WeightsVersion.read(self._file.read_bytes()) or WeightsVersion(0, None)
        except OSError:
            return WeightsVersion(0, None)


def _version(number: int, weights: object) -> WeightsVersion | None:
    return WeightsVersion.read(json.dumps({"version": number, "weights": weights}).encode())
