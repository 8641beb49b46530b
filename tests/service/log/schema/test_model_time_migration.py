"""Revision 0010 on counts that are there, forth and back."""

from sqlalchemy import Engine, text

from tests.support.schema import described, downgrade, upgrade

COUNTED = """INSERT INTO hourly_usage (starts_at, business_day, business_hour, tenant, kind, route,
    outcome, error_code, cache, model_revision, intent, requests, total_ms, model_ms, prompt_tokens,
    completion_tokens)
    VALUES ('2026-11-02 08:00:00.000000', '2026-11-02', 16, 'public', 'ask', '/v1/ask', 'answered',
    '', 'miss', 'r', 'price', 2, 70, 4000, 0, 0), ('2026-11-02 08:00:00.000000', '2026-11-02', 16,
    'public', 'ask', '/v1/ask', 'cancelled', '', 'miss', 'r', 'price', 1, 70, 3000, 0, 0)"""
STATE = "INSERT INTO rollup_state VALUES ('form-2', '2026-11-03 00:00:00.000000')"
SPENT = "SELECT SUM(model_seconds_spent), SUM(answers) FROM"


def test_what_broke_off_is_spent_and_the_way_back_forgets_it(engine: Engine) -> None:
    upgrade(engine, "0009")
    before = described(engine)
    with engine.begin() as connection:
        connection.execute(text(COUNTED))
    for _ in range(2):
        upgrade(engine, "0010")
        assert spent(engine) == [(7, 2), (7, 2)]
        with engine.begin() as connection:
            connection.execute(text(STATE))
        downgrade(engine, "0009")
        assert spent(engine) == [(4, 2), (4, 2)]
        assert described(engine) == before
        with engine.connect() as connection:
            assert connection.execute(text("SELECT * FROM rollup_state")).all() == []


def spent(engine: Engine) -> list[tuple[float, ...]]:
    with engine.connect() as connection:
        return [
            tuple(map(float, connection.execute(text(f"{SPENT} {view}")).one()))
            for view in ("cache_savings_by_day", "money_by_day")
        ]
