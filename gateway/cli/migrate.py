"""`shopsight migrate`: runs the migrations that the database lacks, then grants the accounts of
analysts and of gateways what they need of the new tables and views.

With `--newer-ok` a database that a newer version has migrated is left as it is, and that is no
fault: each migration fits the version before it, which is the way back."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from contract.process.home import shipped
from gateway.config import Settings
from gateway.log.schema.analysts import grant_reading
from gateway.log.schema.database import open_database
from gateway.log.schema.gateways import grant_rows


def run(newer_ok: bool = False) -> int:
    settings = Settings()
    if settings.sqlalchemy_url.get_backend_name() == "sqlite" and settings.sqlalchemy_url.database:
        Path(settings.sqlalchemy_url.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        command.upgrade(Config(shipped("migrations") / "alembic.ini"), "head")
    except CommandError as error:  # a database from which there is no way on
        print(error, file=sys.stderr)
        if not (newer_ok and getattr(error, "newer", False)):
            return 1
        # Its accounts are the newer version's, too: this one would take rights from them.
        print("It stays as it is. The one version before that one may run on it (--newer-ok).")
        return 0
    engine = open_database(settings)
    with engine.connect() as connection:
        if settings.analyst_account:
            grant_reading(connection, settings.analyst_account)
        if settings.gateway_account:
            grant_rows(connection, settings.gateway_account)
    engine.dispose()
    return 0
