"""`shopsight backup` and `shopsight restore`: the log's database, into one file and back. A restore
undoes no erasure and no revoked key."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, MetaData, inspect, text

from gateway.backup import server, sqlite_file
from gateway.backup.server import BackupError
from gateway.backup.since import Since, row_counts
from gateway.backup.under_way import check_whole, restoring
from gateway.cli import erasures, migrate
from gateway.config import Settings
from gateway.log.schema.database import open_database
from gateway.log.schema.settings import place_of

# Beside the backup while a restore is under way. It stays if that breaks off, for the next one.
SINCE = ".erasures"


def run(what: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return what(args)
    except (BackupError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def back_up(args: argparse.Namespace) -> int:
    settings = Settings()
    url, file = settings.sqlalchemy_url, args.backup
    if file.exists():
        raise BackupError(f"{file} is there already")
    if url.get_backend_name() == "sqlite":
        sqlite_file.copy(Path(url.database or ""), file)
    else:
        engine = open_database(settings)
        check_whole(engine)
        engine.dispose()
        server.dump(url, file)
    print(f"{file}: {file.stat().st_size:,} bytes.")
    print("Not in it: accounts of the server, photos, files of batches, secrets.")
    return 0


def restore(args: argparse.Namespace) -> int:
    settings = Settings()
    url, file = settings.sqlalchemy_url, args.backup
    is_file = url.get_backend_name() == "sqlite"
    (sqlite_file if is_file else server).check(file)
    engine = open_database(settings)
    with restoring(engine):
        return _restore(settings, engine, args)


def _restore(settings: Settings, engine: Engine, args: argparse.Namespace) -> int:
    url, file = settings.sqlalchemy_url, args.backup
    kept = file.with_name(file.name + SINCE)
    since = _keep_since(engine, kept, args)
    # Before anything changes: whoever is killed on the way says nothing any more.
    again = "If this breaks off, restore it again: only its end does erasures again."
    print(f"Restoring {file}. {again}", file=sys.stderr)
    if url.get_backend_name() == "sqlite":
        sqlite_file.put_back(file, Path(url.database or ""))
    else:
        _drop_all(engine)
        server.load(url, file)
    engine.dispose()
    # The schema of this version, and the rights of its accounts.
    if migrate.run():
        return 1
    rows = erasures.put_back(settings, since)
    kept.unlink()
    with engine.connect() as connection:
        counts = row_counts(connection)
    engine.dispose()
    for name, count in counts.items():
        print(f"{count:>12,} {name}")
    print(f"Erasures done again: {rows} rows were not erased, and are now.")
    print("Accounts are the server's: `shopsight migrate` has granted ANALYST_ACCOUNT and")
    print("GATEWAY_ACCOUNT theirs, where these are set and the accounts exist.")
    return 0


def _keep_since(engine: Engine, kept: Path, args: argparse.Namespace) -> Since:
    """What the present database and the given file know, and what an earlier try has kept."""
    with engine.connect() as connection:
        has_rows = any(row_counts(connection).values())
        if has_rows and not args.replace:
            raise BackupError(f"{place_of(engine.url)} has rows: with --replace they go")
        since = Since.read(connection)
    if args.erasures:
        since.join(Since.load(Path(args.erasures), may_lack_end=args.without_end))
    since.save(kept, may_lack_end=args.without_end)
    return since


def _drop_all(engine: Engine) -> None:
    """Views and tables, also those that this version does not know."""
    found = inspect(engine)
    quote = engine.dialect.identifier_preparer.quote
    with engine.begin() as connection:
        for view in found.get_view_names():
            connection.execute(text(f"DROP VIEW {quote(view)}"))
        tables = MetaData()
        tables.reflect(connection)
        tables.drop_all(connection)
