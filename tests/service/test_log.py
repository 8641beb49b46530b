"""The behaviour log on real databases: the schema by its migrations, one row a request, outages."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from gateway.cli.embedded import free_port
from gateway.cli.stats import summary
from gateway.log.tables import metadata
from tests.service.asking import chat, events_of, photo, post, rows, text_of
from tests.service.servers import ROOT, mariadb_server, migrate, wait_until
from tests.service.stub_replica import StubReplica

Start = Callable[..., str]


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'log.db'}"
        return
    server = request.getfixturevalue("mariadb_url")
    name = f"test_{tmp_path.name}"[:60].replace("-", "_")
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))
    yield server.replace("/shopsight", f"/{name}")
    with engine.begin() as connection:
        connection.execute(text(f"DROP DATABASE `{name}`"))
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    yield made
    made.dispose()


def test_the_migrations_make_the_tables_that_the_code_knows(
    database_url: str, engine: Engine
) -> None:
    migrate(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_go_down_and_up_again(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    migrate(database_url)  # twice: nothing to do
    config = Config(ROOT / "migrations" / "alembic.ini")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(database_url)
    assert "interactions" in inspect(engine).get_table_names()


def test_a_question_is_a_row_with_all_that_analysts_need(
    start_gateway: Start, stub: StubReplica, database_url: str, engine: Engine
) -> None:
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    answer = post(gateway, chat("这是真皮吗?👜", photo()))
    (row,) = rows(database_url, answer.headers["x-interaction-id"])
    assert row["question"] == "这是真皮吗?👜"
    assert row["answer"] == text_of(answer)
    assert (row["kind"], row["tenant"], row["outcome"]) == ("ask", "public", "answered")
    assert row["total_ms"] > row["first_text_ms"] > 0
    assert len(row["image_digest"]) == 64
    assert "questions 1 · answered 1 · photos 1" in summary(engine)


def test_under_many_at_once_each_answer_has_exactly_one_row(
    start_gateway: Start, stub: StubReplica, database_url: str
) -> None:
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda n: post(gateway, chat(f"question {n % 7}", photo())), range(120))
        )
    acknowledged = sorted(answer.headers["x-interaction-id"] for answer in answers)
    assert sorted(str(row["interaction_id"]) for row in rows(database_url)) == acknowledged


def test_a_stream_that_cannot_be_recorded_ends_with_an_error_not_with_done(
    start_gateway: Start, stub: StubReplica, database_url: str, engine: Engine
) -> None:
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE interactions"))
    events = events_of(post(gateway, chat("what?", photo(), stream=True)))
    assert events[-1]["error"]["code"] == "log_unavailable"
    assert not any(c["finish_reason"] for e in events[:-1] for c in e["choices"])


def test_without_its_database_nothing_is_acknowledged_and_it_recovers_by_itself(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    port = free_port()
    with mariadb_server(tmp_path, port) as server:
        gateway = start_gateway(replicas=stub.url, database_url=server.url)
        first = post(gateway, chat("before", photo()))
        assert text_of(first)
    answers = [post(gateway, chat(f"down {n}", photo())) for n in range(3)]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["error"]["code"] for answer in answers} == {"log_unavailable"}
    assert len(stub.calls) <= 2, "once the log is known to be down, no model is asked"
    with mariadb_server(tmp_path, port) as server:
        recovered: list[str] = []

        def answered() -> bool:
            answer = post(gateway, chat("after", photo()))
            if answer.status_code == 200:
                recovered.append(answer.headers["x-interaction-id"])
            return answer.status_code == 200

        wait_until("answers again", answered, 15)
        found = {str(row["interaction_id"]) for row in rows(server.url)}
    assert found == {first.headers["x-interaction-id"], recovered[0]}
