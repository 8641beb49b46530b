"""`shopsight stats`: the counts of one screen agree with each other and with the rows."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, func, select

from gateway.cli.stats import summary
from gateway.log.schema.tables import interactions
from loadtest.seed_log import fill as seed
from tests.support.migrating import migrate


def test_what_is_counted_above_is_counted_below(tmp_path: Path) -> None:
    """The log has cards, matches and uploads besides questions."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    seed(engine, 2_000, days=2, begin=datetime(2026, 11, 4, tzinfo=UTC))
    said = summary(engine, ZoneInfo("Asia/Shanghai"))
    row = interactions.c
    with engine.connect() as connection:
        kinds = connection.execute(select(row.kind, func.count().label("n")).group_by(row.kind))
        counts = {each.kind: each.n for each in kinds}
        answered, photos = connection.execute(
            select(
                func.count().filter(row.outcome == "answered"),
                func.count(row.image_digest.distinct()),
            ).where(row.kind == "ask")
        ).one()
    engine.dispose()
    assert counts.keys() >= {"ask", "card", "match", "upload"}
    begins = f"questions {counts.pop('ask')} · answered {answered} · photos {photos} · "
    assert said.startswith(begins)
    assert sum(map(int, re.findall(r"(\d+) answers, mean", said))) == answered
    besides = re.search(r"^requests besides questions: (.*)$", said, re.MULTILINE)
    assert besides
    assert dict(re.findall(r"([a-z ]+) (\d+)(?: · )?", besides[1])) == {
        kind: str(n) for kind, n in counts.items()
    }
    assert re.search(r"^(ask|card) (failed|refused) +[a-z_]+ +\d+$", said, re.MULTILINE)
