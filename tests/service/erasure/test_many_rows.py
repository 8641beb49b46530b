"""An erasure of somebody with many rows, and of photos about which many have asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert
from uuid6 import uuid7

from gateway.erasure import log as module
from gateway.erasure.log import LogErasure
from gateway.log.schema.tables import interactions
from gateway.log.tombstones import Subject

WHO = Subject("public", "user", "0" * 32)
OTHER = "1" * 32


@pytest.fixture
def log(migrated: str, engine: Engine) -> Engine:
    return engine


@pytest.fixture
def most_read(log: Engine) -> list[int]:
    """How many rows each statement brought."""
    read: list[int] = []

    @event.listens_for(log, "after_cursor_execute")
    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if log.dialect.name != "sqlite" and "FROM interactions" in statement:
            read.append(cursor.rowcount)

    return read


def fill(engine: Engine, count: int, **columns: Any) -> None:
    known = {"request_id": "r", "asked_at": datetime.now(UTC), "tenant": "public", "kind": "ask"}
    known |= {"user_pseudonym": WHO.name, "session_id": None, "image_digest": None}
    known |= {"outcome": "answered", "total_ms": 1.0}
    rows = [known | columns | {"interaction_id": uuid7()} for _ in range(count)]
    with engine.begin() as connection:
        connection.execute(insert(interactions), rows)


def begun(engine: Engine) -> LogErasure:
    erasure = LogErasure(engine, [WHO], datetime.now(UTC) + timedelta(seconds=1))
    erasure.begin("test")
    return erasure


def test_all_pages_are_read_and_none_is_larger_than_it_may_be(
    log: Engine, most_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 10)
    for number in range(5):
        fill(log, 7, session_id=f"{number}" * 32, image_digest=f"{number}" * 64)
    fill(log, 25, session_id="4" * 32, image_digest="5" * 64, user_pseudonym=None)
    erasure = begun(log)
    visits = {who.name for who in erasure.tombstones.erased_at if who.kind == "visit"}
    assert visits == {f"{number}" * 32 for number in range(5)}
    assert erasure.exclusive_photos(["6" * 64]) == [f"{number}" * 64 for number in range(7)]
    assert max(most_read, default=0) <= 10


def test_of_a_photo_that_many_asked_about_one_row_is_read(
    log: Engine, most_read: list[int]
) -> None:
    fill(log, 1, image_digest="a" * 64)
    fill(log, 300, image_digest="a" * 64, user_pseudonym=OTHER)
    assert begun(log).exclusive_photos([]) == []
    assert max(most_read, default=0) <= 1


@pytest.mark.parametrize(
    ("another", "own"),
    [
        ({"user_pseudonym": OTHER}, False),
        ({"user_pseudonym": OTHER, "session_id": "s" * 32}, False),
        ({"user_pseudonym": None}, False),
        ({"user_pseudonym": None, "session_id": "t" * 32}, False),
        ({"user_pseudonym": None, "session_id": "s" * 32}, True),
        ({"user_pseudonym": None, "kind": "upload"}, True),
        ({"user_pseudonym": None, "tenant": "rival"}, True),
    ],
)
def test_who_asks_about_a_photo_and_says_no_name_is_somebody_else_but_in_ones_own_visits(
    log: Engine, another: dict[str, Any], own: bool
) -> None:
    fill(log, 1, session_id="s" * 32, image_digest="a" * 64)
    fill(log, 1, image_digest="a" * 64, **another)
    assert begun(log).exclusive_photos([]) == (["a" * 64] if own else [])


def test_tombstones_are_up_before_rows_are_read(log: Engine) -> None:
    fill(log, 1, session_id="s" * 32)
    seen: list[str] = []

    @event.listens_for(log, "after_cursor_execute")
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    @event.listens_for(log, "commit")
    def committed(_: Any) -> None:
        seen.append("COMMIT")

    begun(log)
    read = next(n for n, text in enumerate(seen) if "FROM interactions" in text)
    put_up = next(n for n, text in enumerate(seen) if "INSERT INTO tombstones" in text)
    assert put_up < seen.index("COMMIT") < read
