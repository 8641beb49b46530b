"""`shopsight report`, as somebody types it: where its page goes. Of nothing there is none."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from gateway.report.folder import file_name
from gateway.report.period import KINDS, last_whole
from loadtest.seed_log import fill as seed
from tests.support import ROOT
from tests.support.command_line import shopsight
from tests.support.migrating import migrate


@pytest.fixture
def log(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    return url


def test_of_nothing_there_is_a_sentence_and_no_file(log: str, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    here = set(Path.cwd().iterdir())
    for more in ([], ["--out", str(out)]):
        for kind in KINDS:
            said = shopsight("report", kind, *more, DATABASE_URL=log)
            assert (said.returncode, said.stdout) == (1, "")
            assert said.stderr.startswith("The log has no requests ")
            assert "shopsight report day --day" in said.stderr
    assert not out.exists()
    assert set(Path.cwd().iterdir()) == here


def test_a_tenant_without_requests_has_no_report(log: str, tmp_path: Path) -> None:
    engine = create_engine(log)
    seed(engine, 200, days=1, begin=datetime(2026, 11, 4, tzinfo=UTC))
    engine.dispose()
    out = tmp_path / "report.html"
    asked = ("report", "day", "--day", "2026-11-04", "--out", str(out))
    said = shopsight(*asked, "--tenant", "nobody", DATABASE_URL=log)
    assert "The log has no requests of nobody on 2026-11-04" in said.stderr
    assert not out.exists()
    said = shopsight(*asked, DATABASE_URL=log)
    assert (said.returncode, said.stderr) == (0, f"{out}\n")
    assert "<svg" in out.read_text()


def test_what_commands_write_unasked_is_ignored_by_git() -> None:
    today = datetime.now(UTC).date()
    names = [file_name(last_whole(kind, today), "en") for kind in KINDS]
    page = Path("demo_model/evaluation/shop.evaluation.html")
    names += [str(page.with_suffix(end)) for end in (".html", ".json", ".answers.jsonl")]
    answers = Path("catalogue.answers.csv")
    names += [str(answers.with_suffix(end)) for end in (".csv", ".html", ".json", ".jsonl")]
    names += ["catalogue.batch.json"]
    checked = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.stdout.split() == names
