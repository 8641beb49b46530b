"""Where a database stands before it is migrated. Before the first release there were 29 revisions,
0001 to 0030, which are one now: 0001. A database at their end is at 0001; no other of them is."""

from collections.abc import Collection

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

OLD_HEAD = "0030"
OLD = {f"{number:04}" for number in range(1, 30)}
# Has the old revisions.
OLD_COMMIT = "699d62a"
# Every database of today has this table. Of the old revisions only 0029 and 0030 had it.
SINCE_0029 = "daily_funnel"


class NewerDatabaseError(CommandError):
    """A newer version has migrated it. Its text is for whoever migrates."""

    newer = True  # for gateway/cli/migrate.py, which does not import this


def settle(connection: Connection, known: Collection[str]) -> None:
    """Give the old head its new name. Raises CommandError where there is no way on: its text is for
    whoever migrates."""
    found = MigrationContext.configure(connection).get_current_revision()
    whole = inspect(connection).has_table(SINCE_0029)
    if found is None or (whole and found in known):
        return
    if whole and found == OLD_HEAD:
        connection.execute(
            text("UPDATE alembic_version SET version_num = '0001' WHERE version_num = :old"),
            {"old": OLD_HEAD},
        )
        return
    if found == "0029" or (found in OLD and not whole):
        raise CommandError(
            f"This database is at the old revision {found}: run `shopsight migrate` of commit"
            f" {OLD_COMMIT} on it first, then this one again."
        )
    raise (NewerDatabaseError if whole else CommandError)(
        f"This database is at revision {found}, which this version does not know because a newer"
        " one has migrated it: run that version or a later one."
    )
