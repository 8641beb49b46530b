"""`shopsight log …`: shows what waits, was refused or was lost on the way to the database."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from gateway.cli.printable import printable
from gateway.config import Settings
from gateway.log.faults import reason_of
from gateway.log.outbox import dead_letters
from gateway.log.outbox.dead_letters import DeadLetter
from gateway.log.outbox.delivery import ServerFault
from gateway.log.outbox.reconcile import damaged_spools, reconcile_log
from gateway.log.outbox.spool_folder import ids_in, is_owned, spools_in
from gateway.log.schema.database import open_database


def run(command: Callable[..., int], **arguments: Any) -> int:
    """One of the commands below, with the log that the settings name."""
    settings = Settings()
    engine = open_database(settings)
    try:
        return command(settings, engine, **arguments)
    finally:
        engine.dispose()


def status(settings: Settings, engine: Engine) -> int:
    for folder in spools_in(settings.spool_dir):
        owner = "in use" if is_owned(folder) else "orphaned"
        print(f"{folder.name}  {owner:<8}  {len(ids_in(folder))} waiting")
    for folder in damaged_spools(settings.spool_dir):
        print(f"{folder.name}  see the operations guide")
    print(f"dead letters: {dead_letters.count(engine)}")
    return 0


def dead(settings: Settings, engine: Engine) -> int:
    last: UUID | None = None
    while letters := dead_letters.read_page(engine, last):
        last = letters[-1].interaction_id
        for letter in letters:
            died_at = f"{letter.died_at:%Y-%m-%d %H:%M:%S} UTC"
            print(f"{died_at}  {letter.interaction_id}  {printable(letter.reason)}")
    return 0


def replay(settings: Settings, engine: Engine) -> int:
    accepted = refused = 0

    def report(letter: DeadLetter, reason: str | None) -> None:
        nonlocal accepted, refused
        if reason is None:
            accepted += 1
        else:
            refused += 1
            said = f"{letter.interaction_id}  refused again: {printable(reason)}"
            print(said, file=sys.stderr)

    try:
        dead_letters.replay(engine, report)
    except ServerFault as fault:
        cause = fault.__cause__
        why = reason_of(cause) if isinstance(cause, Exception) else ""
        print(f"The database takes no rows now: {why}", file=sys.stderr)
        refused += 1
    print(f"{accepted} dead letters are rows now.")
    return 1 if refused else 0


def reconcile(
    settings: Settings, engine: Engine, *, ledger: Path | None, since: datetime | None
) -> int:
    acknowledged = None
    if ledger is not None:
        try:
            acknowledged = _ids(ledger)
        except ValueError as error:
            print(f"{ledger}: {error}", file=sys.stderr)
            return 1
    result = reconcile_log(engine, settings.spool_dir, acknowledged, since)
    print("\n".join(result.report_lines()))
    for kind in ("lost", "doubled"):
        for interaction_id in sorted(getattr(result, kind)):
            print(f"{kind}: {interaction_id}")
    if damaged := damaged_spools(settings.spool_dir):
        print(f"Damaged spools, not looked into: {', '.join(path.name for path in damaged)}")
    return 0 if result.exact else 1


def _ids(ledger: Path) -> set[UUID]:
    """Raises ValueError for a line that is no id."""
    found = set()
    for number, line in enumerate(ledger.read_text(errors="replace").splitlines(), 1):
        if line.strip():
            try:
                found.add(UUID(line.strip()))
            except ValueError:
                raise ValueError(f"line {number} is no `x-interaction-id`") from None
    return found
