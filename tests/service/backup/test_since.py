"""What a restore must not undo, in a database and in its file: erasures, revoked keys, audits."""

import json
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, select, update
from uuid6 import uuid7

from gateway.access.key_table import create_key, rotate_key
from gateway.backup.since import Since
from gateway.config import Settings
from gateway.log.rollups.retention import AUDIT_DAYS
from gateway.log.schema.access_tables import api_keys
from gateway.log.schema.privacy_tables import audit, tombstones
from gateway.log.schema.tables import metadata
from gateway.log.tombstones import Subject
from tests.support.command_line import shopsight

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


def test_a_key_that_was_rotated_ends_when_it_did(database: Engine, tmp_path: Path) -> None:
    """Before the backup it had no end, and whoever stole it had it for ever again."""
    made = [create_key(database, "acme", frozenset({"ask"}), None).id for _ in range(3)]
    as_backed_up = made[1:]
    for key_id, grace in zip(made, (timedelta(0), timedelta(0), timedelta(days=1)), strict=True):
        rotate_key(database, key_id, grace)
    file = tmp_path / "kept"
    since = known(database)
    since.save(file)
    *before, last = map(json.loads, file.read_text().splitlines())
    assert {row["is"] for row in before} <= {"key_audit"}, "an older build reads no other kind"
    assert len(last["expires"]) == 3
    with database.begin() as connection:
        is_it = api_keys.c.key_id.in_(as_backed_up)
        connection.execute(update(api_keys).where(is_it).values(expires_at=None, changes=1))
    joined = Since(expires={made[2]: LATE + timedelta(days=9999)})
    joined.join(Since.load(file))
    for _ in range(2):
        put(database, joined)
    assert known(database).expires == since.expires
    with database.connect() as connection:
        changes = select(api_keys.c.changes).where(api_keys.c.key_id.in_(made))
        assert list(connection.execute(changes).scalars()) == [2, 2, 2]


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


def test_a_link_stays_one(database: Engine, tmp_path: Path) -> None:
    """It leads to another disk: else the list would stay on the one that is lost with the
    database."""
    file, link = tmp_path / "elsewhere" / "kept", tmp_path / "kept"
    file.parent.mkdir()
    link.symlink_to(file)
    for subject in (HER, HIM):
        Since({subject: EARLY}).save(link)
    assert link.is_symlink()
    assert Since.load(file).erased.keys() == {HER, HIM}


def test_rows_of_an_audit_go_from_its_file_after_three_years(
    database: Engine, tmp_path: Path
) -> None:
    """They name a pseudonym, and are gone from the database."""
    now = datetime.now(UTC)
    row = AUDITS[audit.name][0]
    kept, gone = (
        {**row, "audit_id": uuid7(), "done_at": now - timedelta(days=AUDIT_DAYS, hours=hours)}
        for hours in (-1, 1)
    )
    with database.begin() as connection:
        connection.execute(insert(audit), [kept, gone])
    file = tmp_path / "kept"
    file.write_text("".join(json.dumps({"is": audit.name, **gone}, default=str) + "\n"))
    known(database).save(file, may_lack_end=True)
    (only,) = Since.load(file).audits[audit.name]
    assert only["audit_id"] == kept["audit_id"]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "kept"
    Since({HER: EARLY, HIM: LATE}, {"k1": LATE}, AUDITS).save(file)
    return file


def test_no_part_of_a_file_is_taken_for_the_whole(saved: Path) -> None:
    """Erased people that are behind the end of a copy that broke off would be back."""
    whole = saved.read_text().splitlines(keepends=True)
    parts = ["".join(whole[:some]) for some in range(len(whole))]
    parts += [whole[0][:20], "".join(whole)[:-20]]
    parts += ["".join(whole[:1] + whole[2:]), "".join(whole) + whole[0]]
    for part in parts:
        saved.write_text(part)
        with pytest.raises(ValueError, match=str(saved)):
            Since.load(saved)
        with pytest.raises(ValueError, match=str(saved)):
            Since().save(saved)
        assert saved.read_text() == part
    assert list(saved.parent.iterdir()) == [saved]
    saved.unlink()
    Since().save(saved)
    assert Since.load(saved) == Since(), "nobody was ever erased"


def test_saves_at_the_same_moment_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Such as the clock's and a person's. One of them may have been killed before."""
    file = tmp_path / "kept"
    file.with_name("kept.part").write_text("half a li")
    people = [Subject("acme", "user", f"{number:032}") for number in range(30)]
    at_once = threading.Barrier(len(people))

    def save(person: Subject) -> None:
        at_once.wait(60)
        Since({person: EARLY}).save(file)

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(save, people))
    assert set(Since.load(file).erased) == set(people)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_of_an_older_version_is_taken_where_somebody_says_so(saved: Path) -> None:
    whole = Since.load(saved)
    lines = saved.read_text().splitlines(keepends=True)
    saved.write_text("".join(lines[:-1]))
    assert Since.load(saved, may_lack_end=True) == whole
    for broken in ("", "".join(lines[:2] + lines[-1:])):
        saved.write_text(broken)
        with pytest.raises(ValueError, match="not whole"):
            Since.load(saved, may_lack_end=True)


@pytest.mark.parametrize(
    "line", ["hello", "{}", "[]", "7", '{"is": "erased"}', '{"is": "of tomorrow"}']
)
def test_another_kind_of_file_is_named_with_its_line(saved: Path, line: str) -> None:
    whole = saved.read_text().splitlines(keepends=True)
    saved.write_text(whole[0] + line + "\n" + "".join(whole[1:]))
    with pytest.raises(ValueError, match="line 2 cannot be read"):
        Since.load(saved, may_lack_end=True)


def test_the_command_changes_nothing_by_a_file_that_is_not_whole(
    saved: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    for part in ("", "hello\n"):
        saved.write_text(part)
        refused = shopsight("erasures", "--load", str(saved), DATABASE_URL=url)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Nothing was changed: ")
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_a_save_loses_nothing_that_its_file_has(saved: Path, tmp_path: Path) -> None:
    """Each hour, also against a database that was emptied or restored a moment ago."""
    whole = Since.load(saved)
    url = f"sqlite:///{tmp_path / 'emptied.db'}"
    told = shopsight("erasures", "--save", str(saved), DATABASE_URL=url, LOG_RETENTION_DAYS="0")
    assert told.returncode == 0, told.stderr
    assert Since.load(saved) == whole
    assert told.stdout == f"2 erasures and 1 revoked keys in {saved}.\n"
    assert "2 of these erasures are not in the database. If it was emptied" in told.stderr
    engine = create_engine(url)
    metadata.create_all(engine)
    third = Subject("acme", "visit", "v" * 32)
    put(engine, Since({HER: LATE, third: LATE}))
    engine.dispose()
    shopsight("erasures", "--save", str(saved), DATABASE_URL=url)
    assert Since.load(saved).erased == {HER: LATE, HIM: LATE, third: LATE}


def test_a_save_tells_of_erasures_that_the_database_lacks_as_long_as_rows_may_live(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'emptied.db'}"
    oldest = Settings(_env_file=None).oldest_row(datetime.now(UTC))  # type: ignore[call-arg]
    assert oldest is not None
    file = tmp_path / "kept"
    Since({HER: oldest, HIM: oldest - timedelta(seconds=1)}).save(file)
    told = shopsight("erasures", "--save", str(file), DATABASE_URL=url)
    assert "1 of these erasures are not in the database" in told.stderr


def test_a_save_leaves_a_file_that_it_cannot_read(saved: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'emptied.db'}"
    lines = saved.read_text().splitlines(keepends=True)
    saved.write_text("".join(lines[:-1]))
    refused = shopsight("erasures", "--save", str(saved), DATABASE_URL=url)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Nothing was saved: {saved} is not whole")
    assert "keep it under another name" in refused.stderr
    assert saved.read_text() == "".join(lines[:-1])
    taken = shopsight("erasures", "--save", str(saved), "--without-end", DATABASE_URL=url)
    assert taken.returncode == 0, taken.stderr
    assert Since.load(saved).erased == {HER: EARLY, HIM: LATE}
