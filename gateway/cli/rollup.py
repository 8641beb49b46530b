"""`shopsight rollup`: brings the roll-ups up to date once, for stacks without a worker."""

from gateway.config import Settings
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.upkeep import upkeep_lock
from gateway.log.schema.database import open_database


def run() -> int:
    settings = Settings()
    engine = open_database(settings)
    with upkeep_lock(engine) as acquired:
        if acquired:
            counted = roll_up(engine, settings.business_zone, price=settings.price).counted
            print(f"hours and days counted: {counted}")
        else:
            print("Another one is at it.")
    engine.dispose()
    return 0
