"""`shopsight pseudonyms`: lists the keys of pseudonyms and how many rows have a pseudonym of each.
A key without rows may be dropped."""

from datetime import datetime

from sqlalchemy import Engine, func, select

from gateway.config import Settings
from gateway.identity.pseudonyms import KEY_ID_DIGITS, Pseudonyms
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import interactions


def run() -> int:
    settings = Settings()
    engine = open_database(settings)
    rows = rows_by_key(engine)
    engine.dispose()
    configured = Pseudonyms(settings.pseudonym_key.get_secret_value()).key_ids
    unknown = rows.keys() - set(configured)
    for number, name in enumerate((*configured, *sorted(unknown))):
        role = "UNKNOWN" if name in unknown else "finds old ones" if number else "makes new ones"
        count, last = rows.get(name, (0, None))
        print(
            f"{name}  {role:<14}  {count:>9} rows{f', the last of {last:%Y-%m-%d}' if last else ''}"
        )
    if unknown:
        print(f"The people of {len(unknown)} key(s) cannot be found: see docs/privacy.md")
    return 0


def rows_by_key(engine: Engine) -> dict[str, tuple[int, datetime | None]]:
    """How many interactions have a pseudonym of each key, and when the last was asked."""
    key = func.substr(interactions.c.user_pseudonym, 1, KEY_ID_DIGITS)
    query = (
        select(key, func.count(), func.max(interactions.c.asked_at))
        .where(interactions.c.user_pseudonym.is_not(None))
        .group_by(key)
    )
    with engine.connect() as connection:
        return {name: (count, last) for name, count, last in connection.execute(query)}
