"""`shopsight migrate`: runs the migrations that the database lacks, then grants the accounts of
analysts and of gateways what they need of the new tables and views."""

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


def run() -> int:
    settings = Settings()
    if settings.sqlalchemy_url.get_backend_name() == "sqlite" and settings.sqlalchemy_url.database:
        Path(settings.sqlalchemy_url.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        command.upgrade(Config(shipped("migrations") / "alembic.ini"), "head")
    except CommandError as error:  # a database from which there is no way on
        print(error, file=sys.stderr)
        return 1
    engine = open_database(settings)
    with engine.connect() as connection:
        if settings.analyst_account:
            grant_reading(connection, settings.analyst_account)
        if settings.gateway_account:
            grant_rows(connection, settings.gateway_account)
    engine.dispose()
    return 0
