"""Every query of docs/analysts.md says what is printed below it, on SQLite and on MariaDB.
`python -m tests.service.log.test_analysts_document` prints the answers into it anew."""

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, insert, inspect

from gateway.cli.sql import answer
from gateway.config import Settings
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.roll_up import roll_up
from gateway.log.schema.analysts import TABLES, VIEWS
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill
from loadtest.seeding.shoppers import shoppers
from tests.support import ROOT
from tests.support.migrating import migrate

DOCUMENT = ROOT / "docs" / "analysts.md"
BLOCK = re.compile(r"```sql\n(.*?)\n```\n\n```text\n(.*?)```\n", re.DOTALL)


def seeded(url: str) -> Engine:
    migrate(url)
    engine = create_engine(url)
    fill(engine, 3_000)
    engine.dispose()
    count(url)
    # An analyst's session: as strict as MySQL is unless told otherwise.
    strict = {} if url.startswith("sqlite") else {"sql_mode": "ONLY_FULL_GROUP_BY"}
    return create_engine(url, connect_args=strict)


def count(url: str) -> None:
    engine = open_database(Settings(_env_file=None, database_url=url))  # type: ignore[call-arg]
    roll_up(engine, ZoneInfo("Asia/Shanghai"), price=Price(0.0007, "USD"))
    engine.dispose()


def test_each_query_of_the_document_says_what_is_printed_below_it(database_url: str) -> None:
    engine = seeded(database_url)
    blocks = BLOCK.findall(DOCUMENT.read_text())
    assert len(blocks) == 30
    for query, printed in blocks:
        found = answer(engine, query)
        assert found.count("\n") >= 1, f"no row: {query}"
        assert found + "\n" == printed, query
    engine.dispose()


def test_a_script_without_a_cookie_is_one_session_of_the_week(database_url: str) -> None:
    engine = seeded(database_url)
    queries = [query for query, _ in BLOCK.findall(DOCUMENT.read_text())]
    (query,) = [query for query in queries if "DISTINCT visitor" in query]
    before = different(engine, query)
    with engine.begin() as connection:
        begin = datetime(2026, 11, 4, 4, tzinfo=UTC)
        found = (row for row, _ in shoppers(1, begin, 1e9) if row["session_id"])
        for number in range(24):  # each request has a session of its own
            own = {"session_id": f"{'0f' * 8}{number:016x}", "tenant": "public"}
            connection.execute(insert(interactions), {**next(found), **own})
    count(database_url)
    after = different(engine, query)
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1]
    engine.dispose()


def different(engine: Engine, query: str) -> list[int]:
    return [int(word) for word in answer(engine, query).splitlines()[-1].split()]


def test_the_document_names_every_column_and_every_view(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    found = inspect(engine)
    text = DOCUMENT.read_text()
    for name in ("interactions", "feedback", *VIEWS):
        columns = [column["name"] for column in found.get_columns(name)]
        assert [column for column in columns if f"`{column}`" not in text] == []
    assert set(found.get_view_names()) == set(VIEWS)
    assert [name for name in (*VIEWS, *TABLES) if f"`{name}`" not in text] == []
    engine.dispose()


def test_a_query_cannot_write(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    with pytest.raises(Exception, match=r"readonly|READ ONLY"):
        answer(engine, "DELETE FROM interactions")
    fill(engine, 1)  # and who comes after it can


def test_a_sum_is_shown_whole_on_every_database(engine: Engine) -> None:
    query = "SELECT SUM(n) AS n, SUM(n) / 8.0 AS part, 0.0 AS none FROM"
    found = answer(engine, f"{query} (SELECT 12345678901 AS n UNION ALL SELECT 3) AS both_of_them")
    assert found.splitlines()[1].split() == ["12345678904", "1543209863", "0"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = seeded(f"sqlite:///{Path(folder) / 'log.db'}")

        def filled(found: re.Match[str]) -> str:
            return f"```sql\n{found[1]}\n```\n\n```text\n{answer(engine, found[1])}\n```\n"

        DOCUMENT.write_text(BLOCK.sub(filled, DOCUMENT.read_text()))
        engine.dispose()


if __name__ == "__main__":
    main()
