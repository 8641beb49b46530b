"""What a database error means for the event that was being inserted. Pure."""

from enum import Enum
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from gateway.log.event import BadEvent


class Fault(Enum):
    """What a failed insert tells about its cause."""

    DUPLICATE = "duplicate"  # the database has a row of the batch already
    CONFLICT = "conflict"  # deadlock or lock wait: a retry may succeed
    SCHEMA = "schema"  # the table has other columns than expected
    EVENT = "event"  # the database refuses this row
    SERVER = "server"  # the server has a problem, the event has none
    UNKNOWN = "unknown"  # the event's fault if the database accepts others at the same time


# https://mariadb.com/kb/en/mariadb-error-code-reference/, the same numbers in MySQL
_OF_CODE = {
    1062: Fault.DUPLICATE,
    1205: Fault.CONFLICT,  # lock wait timeout
    1213: Fault.CONFLICT,  # deadlock
    1020: Fault.CONFLICT,  # record has changed since last read (innodb_snapshot_isolation)
    1054: Fault.SCHEMA,  # unknown column
    1136: Fault.SCHEMA,  # column count
    1146: Fault.SERVER,  # no such table: not migrated yet
    1049: Fault.SERVER,  # no such database
    1044: Fault.SERVER,  # access denied
    1045: Fault.SERVER,
    1142: Fault.SERVER,
    1021: Fault.SERVER,  # disk full
    1114: Fault.SERVER,  # table full
    1040: Fault.SERVER,  # too many connections
    1053: Fault.SERVER,  # shutting down
    1290: Fault.SERVER,  # read only: no longer the primary
    1792: Fault.SERVER,  # in a read-only transaction, as that server begins them
    1836: Fault.SERVER,
    8022: Fault.CONFLICT,  # TiDB: to be tried again
    9007: Fault.CONFLICT,  # TiDB: written by another one
    9001: Fault.SERVER,  # TiDB: its placement driver or a store does not answer
    9002: Fault.SERVER,
    9003: Fault.SERVER,
    9005: Fault.SERVER,
    1927: Fault.SERVER,  # connection killed
    1264: Fault.EVENT,  # out of range
    1265: Fault.EVENT,  # truncated
    1292: Fault.EVENT,  # incorrect value
    1366: Fault.EVENT,
    1406: Fault.EVENT,  # too long
    1644: Fault.EVENT,  # a trigger says so
    3819: Fault.EVENT,  # check constraint
    4025: Fault.EVENT,
}


def fault_of(error: Exception) -> Fault:
    if isinstance(error, BadEvent | UnicodeError):
        return Fault.EVENT
    if not isinstance(error, DBAPIError):
        # StatementError: a value that its column's type cannot bind. Others may not be the row's.
        return Fault.EVENT if isinstance(error, StatementError) else Fault.UNKNOWN
    if error.connection_invalidated:
        return Fault.SERVER
    original: Any = error.orig
    code = original.args[0] if original is not None and original.args else None
    if isinstance(code, int):
        if (
            2000 <= code < 3000 or code == 0
        ):  # the client's own codes: no connection, or a broken one
            return Fault.SERVER
        if code in _OF_CODE:
            return _OF_CODE[code]
    else:
        name = getattr(original, "sqlite_errorname", "")
        if name in ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"):
            return Fault.DUPLICATE
        if name in ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT"):
            return Fault.CONFLICT
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return Fault.SERVER
        if "no such table" in str(original):
            return Fault.SERVER
        if "has no column" in str(original):
            return Fault.SCHEMA
    return Fault.EVENT if isinstance(error, DataError | IntegrityError) else Fault.UNKNOWN


def reason_of(error: Exception) -> str:
    """The database's message without the statement, for a dead letter. The message may quote a
    value of the row, so it must not go to a log file."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {original}"[:500]


def loggable(error: BaseException | None) -> str:
    """The same for a log file. Where the message may quote a row: the error's name and number."""
    original = getattr(error, "orig", None) or error
    if isinstance(error, DBAPIError) and fault_of(error) is Fault.SERVER:
        return f"{type(original).__name__}: {original}"[:500]
    code = original.args[0] if original is not None and original.args else ""
    name = getattr(original, "sqlite_errorname", "")
    return f"{type(original).__name__} {code if isinstance(code, int) else name}".rstrip()
