"""`shopsight log …` and `shopsight stats`, as an operator sees them."""

import re
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert

from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.schema.tables import dead_letters
from tests.support import command_line
from tests.support.events import event, ids_of
from tests.support.migrating import migrate

Shopsight = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    return url


@pytest.fixture
def engine(log_url: str) -> Engine:
    return create_engine(log_url)


@pytest.fixture
def shopsight(log_url: str, tmp_path: Path) -> Shopsight:
    spool = str(tmp_path / "spool")
    return partial(command_line.shopsight, DATABASE_URL=log_url, SPOOL_DIR=spool)


def deliver(engine: Engine, events: list[str]) -> None:
    Delivery(engine, lambda _: None).deliver([SpooledEvent(n, 0, e) for n, e in enumerate(events)])


def test_status_tells_what_waits_and_whether_somebody_sees_to_it(
    shopsight: Shopsight, tmp_path: Path
) -> None:
    assert shopsight("log", "status").stdout == "dead letters: 0\n"
    spools = SpoolFolder(tmp_path / "spool", "process")
    used, orphaned = spools.create_spool(), spools.create_spool()
    used.append([event(), event()])
    orphaned.append([event()])
    orphaned.release()
    lines = shopsight("log", "status").stdout.splitlines()
    assert f"{used.folder.name}  in use    2 waiting" in lines
    assert f"{orphaned.folder.name}  orphaned  1 waiting" in lines


def test_stats_say_how_many_rows_are_still_on_their_way(
    shopsight: Shopsight, engine: Engine, tmp_path: Path
) -> None:
    deliver(engine, [event(question="what?", cache="hit")])
    assert "on their way" not in shopsight("stats").stdout
    SpoolFolder(tmp_path / "spool", "process").create_spool().append([event(), event()])
    assert "on their way into the log: 2" in shopsight("stats").stdout


def test_reconcile_finds_what_is_lost_and_says_what_became_of_the_rest(
    shopsight: Shopsight, engine: Engine, tmp_path: Path
) -> None:
    recorded, waiting, dead, surplus = event(), event(), event(), event()
    lost = uuid.uuid4()
    deliver(engine, [recorded, surplus])
    SpoolFolder(tmp_path / "spool", "process").create_spool().append([waiting])
    letter = {"interaction_id": uuid.UUID(ids_of([dead])[0]), "reason": "bad taste", "event": dead}
    with engine.begin() as connection:
        row = {**letter, "died_at": datetime.now(UTC), "attempts": 5}
        connection.execute(insert(dead_letters), row)
    ledger = tmp_path / "ledger"
    ledger.write_text("\n".join([*ids_of([recorded, waiting, dead]), ""]))
    good = shopsight("log", "reconcile", "--ledger", str(ledger))
    assert good.returncode == 0, good.stdout + good.stderr
    counts = {line.split()[1]: int(line.split()[0]) for line in good.stdout.splitlines()}
    assert counts == {
        "lost": 0,
        "doubled": 0,
        "recorded": 2,
        "waiting": 1,
        "dead": 1,
        "repeated": 0,
        "surplus": 1,
    }
    ledger.write_text(ledger.read_text() + f"{lost}\n")
    bad = shopsight("log", "reconcile", "--ledger", str(ledger))
    assert bad.returncode == 1
    assert f"lost: {lost}" in bad.stdout.splitlines()
    later = shopsight("log", "reconcile", "--since", "2100-01-01")
    assert " 0  recorded" in later.stdout
    assert re.search(r":\d\d UTC  .*bad taste", shopsight("log", "dead").stdout)


def test_a_ledger_with_another_line_is_named_with_that_line(
    shopsight: Shopsight, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text(f"{uuid.uuid4()}\n\nhello\n")
    said = shopsight("log", "reconcile", "--ledger", str(ledger))
    assert (said.returncode, said.stderr) == (
        1,
        f"{ledger}: line 3 is no `x-interaction-id`\n",
    )


@pytest.mark.parametrize("name", ["status", "dead", "replay", "reconcile"])
def test_commands_say_so_when_the_database_does_not_answer(name: str, tmp_path: Path) -> None:
    nowhere = "mysql+pymysql://root@127.0.0.1:9/shopsight"
    said = command_line.shopsight("log", name, DATABASE_URL=nowhere, SPOOL_DIR=str(tmp_path))
    assert said.returncode == 1
    assert "The database does not answer" in said.stderr
    assert "Traceback" not in said.stderr
