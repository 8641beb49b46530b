"""What a restore must not undo, in a database and in its file: erasures, revoked keys, audits."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, select
from uuid6 import uuid7

from gateway.backup.since import Since
from gateway.log.schema.access_tables import api_keys
from gateway.log.schema.privacy_tables import audit, tombstones
from gateway.log.schema.tables import metadata
from gateway.log.tombstones import Subject

EARLY = datetime(2026, 11, 1, tzinfo=UTC)
LATE = EARLY + timedelta(days=3)
ID = uuid7()
AUDIT = {"audit_id": ID, "done_at": LATE, "actor": "ops", "action": "erasure begun"}
AUDITS = {audit.name: [{**AUDIT, "tenant": "acme", "subject": "s" * 32, "details": "{}"}]}
HER, HIM = Subject("acme", "user", "p" * 32), Subject("acme", "session", "s" * 32)


@pytest.fixture
def database() -> Iterator[Engine]:
    made = create_engine("sqlite://")
    metadata.create_all(made)
    yield made
    made.dispose()


def put(engine: Engine, since: Since) -> None:
    with engine.begin() as connection:
        since.put_into(connection)


def known(engine: Engine) -> Since:
    with engine.connect() as connection:
        return Since.read(connection)


@pytest.mark.parametrize(("there", "brought"), [(EARLY, LATE), (LATE, EARLY)])
def test_the_later_moment_of_an_erasure_stays(
    database: Engine, there: datetime, brought: datetime
) -> None:
    """Else what was asked between the two would be back."""
    put(database, Since({HER: there}))
    put(database, Since({HER: brought, HIM: brought}))
    assert known(database).erased == {HER: LATE, HIM: brought}
    joined = Since({HER: there})
    joined.join(Since({HER: brought}))
    assert joined.erased == {HER: LATE}


def test_a_revoked_key_is_revoked_once_and_gateways_see_the_change(database: Engine) -> None:
    key: dict[str, Any] = {column.name: None for column in api_keys.c}
    key |= {"key_id": "k1", "key_hash": b"h" * 32, "tenant": "acme", "scopes": "ask"}
    key |= {"created_at": EARLY, "changes": 4}
    wanted = {column.name for column in api_keys.c}
    with database.begin() as connection:
        connection.execute(insert(api_keys), {n: v for n, v in key.items() if n in wanted})
    for moment in (EARLY, LATE):
        put(database, Since(revoked={"k1": moment, "unknown": moment}))
    with database.connect() as connection:
        row = connection.execute(select(api_keys)).one()
    assert (row.revoked_at, row.changes) == (EARLY, 5)
    assert known(database).revoked == {"k1": EARLY}


def test_rows_of_an_audit_come_once(database: Engine) -> None:
    since = Since(audits=AUDITS)
    since.join(Since(audits=AUDITS))
    put(database, since)
    put(database, since)
    with database.connect() as connection:
        assert len(connection.execute(select(audit)).all()) == 1


def test_its_file_says_the_same_and_is_its_owner_s_alone(database: Engine, tmp_path: Path) -> None:
    since = Since({HER: EARLY, HIM: LATE}, {"k1": LATE}, AUDITS)
    file = tmp_path / "kept"
    since.save(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "it holds pseudonyms"
    assert not list(tmp_path.glob("*.part"))
    put(database, Since.load(file))
    assert known(database).erased == since.erased
    with database.connect() as connection:
        assert connection.execute(select(tombstones)).all()
        assert connection.execute(select(audit.c.audit_id)).scalar_one() == ID
