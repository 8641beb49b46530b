"""Revision 0012 on kinds of products that are there, forth and back."""

from sqlalchemy import Engine, text

from loadtest.seed_log import fill
from tests.support.schema import described, downgrade, upgrade

KIND = "INSERT INTO daily_products VALUES ('2026-11-02', 'public', :kind, '', 1, 0, 0, 1)"
STATE = "INSERT INTO rollup_state VALUES (:name, '2026-11-03 00:00:00.000000')"
COUNTED = "SELECT COUNT(*) FROM daily_products"


def one(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def test_kinds_stay_and_on_the_way_back_are_to_be_counted_anew(engine: Engine) -> None:
    upgrade(engine, "0011")
    before = described(engine)
    fill(engine, 100, days=1)
    with engine.begin() as connection:
        connection.execute(text(KIND), {"kind": "🎒"})
    rows = one(engine, "SELECT COUNT(product_kind) FROM interactions")
    for counted in (1, 0):
        upgrade(engine, "0012")
        assert one(engine, COUNTED) == counted, "none on the second way, but its own"
        with engine.begin() as connection:
            connection.execute(text(KIND), [{"kind": kind} for kind in ("👗", "cafe", "café")])
            states = ("journeys", "form-2", "form-3", "hourly")
            connection.execute(text("DELETE FROM rollup_state"))
            connection.execute(text(STATE), [{"name": name} for name in states])
        downgrade(engine, "0011")
        assert described(engine) == before
        assert one(engine, COUNTED) == 0
        with engine.connect() as connection:
            left = set(connection.scalars(text("SELECT name FROM rollup_state")))
        assert left == {"form-2", "hourly"}
    assert one(engine, "SELECT COUNT(product_kind) FROM interactions") == rows > 0
