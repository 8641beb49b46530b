"""`shopsight rollup`: what the worker does every minute, once, where none is running."""

from gateway.config import Settings
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.upkeep import upkeep_lock
from gateway.log.schema.database import open_database


def run() -> int:
    settings = Settings()
    engine = open_database(settings)
    with upkeep_lock(engine) as mine:
        if mine:
            print(f"hours and days counted: {roll_up(engine, settings.business_zone).counted}")
        else:
            print("Another one is at it.")
    engine.dispose()
    return 0
