"""Tells others that a server's database is being restored. It is not whole meanwhile, and the dump
of a part of it looks like any other. The lock of a dead process ends with its connection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from gateway.backup.server import BackupError
from gateway.log.schema.columns import MYSQL

NAME = func.concat("shopsight restore ", func.md5(func.database()))  # 64 at most


@contextmanager
def restoring(engine: Engine) -> Iterator[None]:
    """Raises BackupError while another restore is under way."""
    if engine.dialect.name not in MYSQL:  # an SQLite file changes at once
        yield
        return
    with engine.connect() as connection:
        if connection.scalar(select(func.get_lock(NAME, 0))) != 1:
            raise BackupError("another restore of this database is under way")
        connection.commit()
        try:
            yield
        finally:
            with suppress(DBAPIError):  # after hours without a word the server may have closed it
                connection.scalar(select(func.release_lock(NAME)))


def check_whole(engine: Engine) -> None:
    """Raises BackupError while a restore is under way."""
    if engine.dialect.name not in MYSQL:
        return
    with engine.connect() as connection:
        if connection.scalar(select(func.is_free_lock(NAME))) != 1:
            raise BackupError("a restore of this database is under way: it is not whole yet")
