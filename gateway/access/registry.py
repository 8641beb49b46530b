"""Reads keys and limits out of the database, again and again, in a thread of its own. What was read
last stays in force while the database is down, and is in a file for the next start."""

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.access import key_table, limit_table
from gateway.access.key_table import KeyRows
from gateway.identity.keys import ApiKey, KeyRing
from gateway.limits.accounts import Overrides
from gateway.log.faults import loggable

log = logging.getLogger(__name__)

# A change is in force after this time and that of a query, which has 3 s: within 5 s.
INTERVAL_S = 1.5
# Beside the spools: the one folder that every gateway may write and that outlives it.
FILE = "api-keys.json"


class Registry:
    """Keeps `keys` up to date from `start` to `stop`, and tells `on_limits` of those that ops have
    set. The thread calls it."""

    def __init__(
        self,
        engine: Engine,
        keys: KeyRing,
        on_limits: Callable[[Overrides], object],
        folder: Path,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._on_limits = on_limits
        self._file = folder / FILE
        self._version: tuple[tuple[int, int], ...] = ()
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api-keys", daemon=True)

    def start(self) -> None:
        """Read the keys, from the file where the database does not answer. Blocks for that time."""
        self._keys.complete = False
        if not self._round():
            self._recall()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(INTERVAL_S)

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            self._round()

    def _round(self) -> bool:
        """Returns whether the database has answered."""
        try:
            self.refresh()
        except Exception as error:  # such as a database that is down: the next round reads it
            if not self._failing:
                log.warning("keys not read", extra={"fields": {"why": loggable(error)}})
            self._failing = True
            return False
        self._failing = False
        return True

    def refresh(self) -> None:
        """Read the tables if they have changed. Raises SQLAlchemyError."""
        with self._engine.connect() as connection:
            version = key_table.read_version(connection), limit_table.read_version(connection)
            if version == self._version:
                return
            rows = key_table.read_keys(connection)
            limits = limit_table.read_overrides(connection)
        self._keys.replace(rows.in_force, rows.revoked)
        self._on_limits(limits)
        self._version = version
        self._remember(rows, limits)

    def _remember(self, rows: KeyRows, limits: Overrides) -> None:
        """Hashes of random keys: whoever reads the file has no key."""
        keys = [
            [key.hash, key.tenant, sorted(key.scopes), _finite(key.expires_at)]
            for key in rows.in_force
        ]
        half = self._file.with_suffix(f".{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            saved = {"keys": keys, "revoked": rows.revoked, "limits": limits}
            half.write_text(json.dumps(saved))
            os.replace(half, self._file)
        except OSError as error:
            log.warning("keys not saved", extra={"fields": {"why": type(error).__name__}})

    def _recall(self) -> None:
        try:
            saved: dict[str, Any] = json.loads(self._file.read_text())
            keys = [
                ApiKey(hashed, tenant, frozenset(scopes), float("inf") if at is None else at)
                for hashed, tenant, scopes, at in saved["keys"]
            ]
            self._keys.replace(keys, saved["revoked"])
            self._on_limits(saved["limits"])
        except (OSError, ValueError, LookupError, TypeError):
            log.warning("no keys are known until the database answers")


def _finite(moment: float) -> float | None:
    return None if moment == float("inf") else moment
