"""Events and tables of versions one step apart."""

from sqlalchemy import Engine, text

from gateway.log.outbox.dead_letters import read_page
from tests.support.events import event
from tests.support.forwarding import Start, wait_for
from tests.support.servers import wait_until


def test_a_schema_one_step_older_takes_what_it_has_columns_for(
    start: Start, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions DROP COLUMN look_up_ms"))
    running = start()
    old = event(look_up_ms=1.5)
    running.append(old)
    wait_for(engine, [old])
    wait_until("counted", lambda: running.count("fields_left_out", fields="look_up_ms") == 1)


def test_a_schema_that_loses_a_column_under_way_is_looked_at_again(
    start: Start, engine: Engine
) -> None:
    running = start()
    before, after = event(look_up_ms=1.5), event(look_up_ms=1.5)
    running.append(before)
    wait_for(engine, [before])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions DROP COLUMN look_up_ms"))
    running.append(after)
    wait_for(engine, [after])
    assert read_page(engine) == []


def test_a_newer_gateways_event_goes_whole_into_a_newer_schema(
    start: Start, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions ADD COLUMN mood VARCHAR(20)"))
    newer, ours = event(mood="pleased", v=2), event()
    start().append(newer, ours)
    wait_for(engine, [newer, ours])
    with engine.connect() as connection:
        query = text("SELECT mood FROM interactions ORDER BY interaction_id")
        assert list(connection.scalars(query)) == ["pleased", None]


def test_a_new_column_that_may_not_be_empty_takes_its_default(start: Start, engine: Engine) -> None:
    running = start()
    before, after, newer = event(), event(), event(mood="pleased", v=2)
    running.append(before)
    wait_for(engine, [before])
    with engine.begin() as connection:
        column = "mood VARCHAR(20) NOT NULL DEFAULT 'calm'"
        connection.execute(text(f"ALTER TABLE interactions ADD COLUMN {column}"))
    start().append(after, newer)  # as of the new version, beside the one before
    running.append(event())
    wait_for(engine, [before, after, newer])
    with engine.connect() as connection:
        query = text("SELECT mood FROM interactions ORDER BY interaction_id")
        assert list(connection.scalars(query))[:3] == ["calm", "calm", "pleased"]
    assert read_page(engine) == []
