"""Synthetic rows of the behaviour log, to try and time queries on. The same seed gives the same
rows. `python -m loadtest.seed_log ROWS` writes them into DATABASE_URL."""

import argparse
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Engine, insert, inspect

from gateway.config import Settings
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import feedback, interactions
from loadtest.seeding.shoppers import shoppers

BEGIN = datetime(2026, 11, 1, 16, tzinfo=UTC)  # midnight of 2 November in Shanghai
# Rows in one INSERT.
BATCH = 2_000


def fill(
    engine: Engine, rows: int, seed: int = 7, days: float = 7, begin: datetime = BEGIN
) -> None:
    """Insert `rows` interactions, spread over `days` from `begin` on."""
    source = islice(shoppers(seed, begin, rows / days), rows)
    there = {column["name"] for column in inspect(engine).get_columns(interactions.name)}
    while batch := list(islice(source, BATCH)):
        thumbs = [thumb for _, thumb in batch if thumb]
        with engine.begin() as connection:
            # An older schema lacks some columns.
            made = [{name: row[name] for name in row if name in there} for row, _ in batch]
            connection.execute(insert(interactions), made)
            if thumbs:
                connection.execute(insert(feedback), thumbs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=float, default=7)
    given = parser.parse_args()
    engine = open_database(Settings())
    fill(engine, given.rows, given.seed, given.days)
    engine.dispose()


if __name__ == "__main__":
    main()
