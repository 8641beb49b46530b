"""What the database refuses: told apart from a database that takes nothing, kept, sent again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from gateway.cli import main
from gateway.log.outbox.dead_letters import read_page
from tests.support.events import event, ids_of
from tests.support.forwarding import Start, ids, wait_for
from tests.support.servers import wait_until


def poison(engine: Engine) -> Callable[[], None]:
    """Make the database refuse questions with this word; answers how to stop that."""
    if engine.dialect.name == "sqlite":
        refuse = "SELECT CASE WHEN NEW.question LIKE '%poison%' THEN RAISE(ABORT, 'bad taste') END;"
    else:
        refuse = "IF NEW.question LIKE '%poison%' THEN"
        refuse += " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'bad taste'; END IF;"
    trigger = f"CREATE TRIGGER taste BEFORE INSERT ON interactions FOR EACH ROW BEGIN {refuse} END"
    with engine.begin() as connection:
        connection.execute(text(trigger))

    def stop() -> None:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER taste"))

    return stop


def test_what_the_database_refuses_becomes_a_dead_letter_and_holds_up_nothing(
    start: Start, engine: Engine, migrated: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stop_refusing = poison(engine)
    good = [event(question=f"good {n}") for n in range(400)]
    bad = [event(question=f"poison {n}") for n in range(4)]
    mixed = good[:100] + bad[:3] + good[100:] + bad[3:]
    running = start()
    for begin in range(0, len(mixed), 101):
        running.append(*mixed[begin : begin + 101])
    wait_for(engine, good, 5)
    wait_until("dead letters", lambda: len(read_page(engine)) == 4)
    assert [letter.reason.partition("bad taste")[1] for letter in read_page(engine)] == [
        "bad taste"
    ] * 4
    assert [letter.event for letter in read_page(engine)] == sorted(bad, key=ids_of_one)
    assert running.count("dead_letters") == 4
    assert ids(engine) == sorted(ids_of(good))
    wait_until("the spool is empty", lambda: running.forwarder.depth == 0)

    monkeypatch.setenv("DATABASE_URL", migrated)
    monkeypatch.setenv("SPOOL_DIR", str(tmp_path / "spool"))
    assert shopsight("log", "replay") == 1
    assert len(read_page(engine)) == 4, "refused again, kept again"
    stop_refusing()
    assert shopsight("log", "replay") == 0
    assert read_page(engine) == []
    assert ids(engine) == sorted(ids_of(good + bad))


def ids_of_one(text: str) -> str:
    return ids_of([text])[0]


def shopsight(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["shopsight", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    "bad",
    [
        {"answer": "half a pair \ud83d"},
        {"outcome": None},
        {"asked_at": "yesterday"},
        {"interaction_id": "no id"},
    ],
    ids=["surrogate", "null", "time", "id"],
)
def test_an_event_that_cannot_even_be_sent_is_a_dead_letter_too(
    start: Start, engine: Engine, bad: dict[str, Any]
) -> None:
    running = start()
    good = event()
    running.append(event(**bad), good)
    wait_for(engine, [good])
    wait_until("dead letter", lambda: len(read_page(engine)) == 1)
    assert ids(engine) == ids_of([good])


@pytest.mark.parametrize("number", [3, pytest.param(30, marks=pytest.mark.long)])
def test_a_database_that_takes_nothing_makes_no_dead_letters(
    start: Start, engine: Engine, number: int
) -> None:
    """Whatever its words for that: here a code that is not known to be the server's fault."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions RENAME TO elsewhere"))
        connection.execute(text("CREATE VIEW interactions AS SELECT * FROM elsewhere LIMIT 1"))
    running = start()
    events = [event() for _ in range(number)]
    running.append(*events)
    wait_until("it was tried", lambda: running.count("retries", reason="server") >= 6)
    assert read_page(engine) == []
    with engine.begin() as connection:
        connection.execute(text("DROP VIEW interactions"))
        connection.execute(text("ALTER TABLE elsewhere RENAME TO interactions"))
    wait_for(engine, events)
    assert read_page(engine) == []
