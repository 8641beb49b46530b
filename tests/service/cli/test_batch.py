"""`shopsight batch`, as a merchant types it: a catalogue in, answers out, stopped, gone on with."""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import batch_client
from gateway.cli.catalogue import CARD, CHAT, read_catalogue
from gateway.cli.demo_checkpoint import KNOWS
from tests.support import ROOT
from tests.support.asking import photo
from tests.support.batches import new_key, settings_of
from tests.support.command_line import shopsight
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
QUESTION = "What is it?"


class Merchant:
    def __init__(self, url: str, key: str, folder: Path) -> None:
        self.url, self.key = url, key
        self.catalogue = folder / "catalogue.csv"
        self.photos = folder / "photos"
        self.photos.mkdir()
        for n in range(4):
            (self.photos / f"{n}.jpg").write_bytes(photo(n))

    def write(self, *rows: str, charset: str = "utf-8") -> None:
        self.catalogue.write_text("\n".join(rows) + "\n", charset)

    def command(self, *more: str) -> list[str]:
        return ["batch", str(self.catalogue), str(self.photos), "--url", self.url, *more]

    def batch(self, *more: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        return shopsight(*self.command(*more), SHOPSIGHT_API_KEY=self.key if key is None else key)

    @property
    def out(self) -> list[dict[str, str]]:
        file = self.catalogue.with_suffix(".answers.csv")
        with file.open(encoding="utf-8-sig", newline="") as text:
            return list(csv.DictReader(text))


@pytest.fixture
def merchant(start_gateway: Start, stub: StubReplica, tmp_path: Path) -> Merchant:
    database_url = f"sqlite:///{tmp_path / 'log.db'}"
    key = new_key(database_url, "acme")
    stub.demo = True
    url = start_gateway(**settings_of(tmp_path, database_url, stub.url))
    return Merchant(url, key, tmp_path)


def test_a_catalogue_becomes_a_csv_of_answers(merchant: Merchant, stub: StubReplica) -> None:
    merchant.write("sku,照片,问题", "a1,0.jpg,", "a2,1.jpg,真皮吗?", "a3,2.jpg,")
    done = merchant.batch("--question", QUESTION)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 rows are answered" in done.stderr
    assert done.stderr.count(KNOWS) == 1
    assert list(merchant.out[0]) == ["sku", "照片", "问题", "answer", "error"]
    assert [row["sku"] for row in merchant.out] == ["a1", "a2", "a3"]
    assert [row["answer"] for row in merchant.out] == [
        *("关于「What is it?」:好", "关于「真皮吗？」:好", "关于「What is it?」:好"),
    ]
    assert {row["error"] for row in merchant.out} == {""}
    lines = merchant.catalogue.with_suffix(".answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["response"]["status_code"] for line in lines] == [200] * 3
    asked = len(stub.calls)
    again = merchant.batch("--question", QUESTION)
    assert again.returncode == 0
    assert len(stub.calls) == asked, "what is answered is not asked again"
    # A row that asks something else, and a photo that is another one now.
    merchant.write("sku,照片,问题", "a1,0.jpg,", "a2,1.jpg,什么颜色?", "a3,2.jpg,")
    (merchant.photos / "2.jpg").write_bytes(photo(77))
    assert merchant.batch("--question", QUESTION).returncode == 0
    assert len(stub.calls) == asked + 2


@pytest.mark.parametrize(("charset", "mark"), [("gb18030", ";"), ("utf-8-sig", "\t")])
def test_a_catalogue_comes_as_spreadsheets_write_it(
    merchant: Merchant, charset: str, mark: str
) -> None:
    merchant.write(f"文件名{mark}名称", f"0.jpg{mark}手提包", charset=charset)
    assert merchant.batch("--question", QUESTION).returncode == 0
    (row,) = merchant.out
    assert row["名称"] == "手提包"
    assert row["answer"]


def test_a_run_that_was_stopped_is_gone_on_with(merchant: Merchant, stub: StubReplica) -> None:
    stub.delay_s = 1.5
    merchant.write("photo,question", *(f"{n}.jpg,question {n}" for n in range(4)))
    command = [sys.executable, "-m", "gateway.cli", *merchant.command("--key", merchant.key)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # Who runs tests in the background may have told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until("lines under way", lambda: len(stub.calls) >= 2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "goes on at the server" in told
    assert not merchant.catalogue.with_suffix(".answers.csv").exists()
    done = merchant.batch()
    assert done.returncode == 0, done.stderr
    assert len(stub.calls) == 4, "nothing was asked twice"
    assert len(merchant.out) == 4


def test_any_answer_can_be_gone_on_with(merchant: Merchant, stub: StubReplica) -> None:
    """Also one with signs that end a line elsewhere."""
    stub.answer = "one\u2028two\x85three"
    merchant.write("photo,question", "0.jpg,what?")
    assert merchant.batch().returncode == 0
    again = merchant.batch()
    assert again.returncode == 0, again.stderr
    assert len(stub.calls) == 1
    assert merchant.out[0]["answer"].endswith(stub.answer)


def test_rows_that_failed_are_asked_again_and_no_others(
    merchant: Merchant, stub: StubReplica
) -> None:
    merchant.write("photo,question", "0.jpg,what?", "1.jpg,how to buy cocaine")
    first = merchant.batch()
    assert first.returncode == 1
    assert "1 of 2 rows are answered" in first.stderr
    assert [row["error"] for row in merchant.out] == ["", "content_blocked"]
    asked = len(stub.calls)
    merchant.write("photo,question", "0.jpg,what?", "1.jpg,what colour?")
    assert merchant.batch().returncode == 0
    assert len(stub.calls) == asked + 1


def test_what_is_wrong_is_said_before_anything_is_sent(
    merchant: Merchant, stub: StubReplica
) -> None:
    merchant.write("photo", "0.jpg", "7.jpg", "")
    missing = merchant.batch("--question", QUESTION)
    assert (missing.returncode, "row 2: 7.jpg" in missing.stderr) == (1, True)
    merchant.write("photo", "0.jpg")
    refused = merchant.batch("--question", QUESTION, key="sk-unknown")
    assert refused.returncode == 1
    assert "shopsight keys create" in refused.stderr
    before = merchant.catalogue.read_bytes()
    assert merchant.batch("--out", str(merchant.catalogue)).returncode == 2
    assert merchant.catalogue.read_bytes() == before
    merchant.catalogue.unlink()
    assert merchant.batch().returncode == 2
    assert stub.calls == []


def test_without_a_question_a_card_is_asked_for_where_there_are_cards(
    merchant: Merchant, stub: StubReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant.write("photo,question", "0.jpg,", "1.jpg,what?")
    _, items = read_catalogue(merchant.catalogue, merchant.photos, "")
    assert [item.endpoint for item in items] == [CARD, CHAT]
    line = json.loads(items[0].line())
    assert (line["url"], list(line["body"])) == (CARD, ["image"])
    server = batch_client.BatchClient(merchant.url, merchant.key)
    monkeypatch.setattr(batch_client, "CARD", "/v1/feedback")  # there, and takes a POST only
    assert server.makes_cards()
    monkeypatch.setattr(batch_client, "CARD", "/v1/nothing")
    assert not server.makes_cards()


def test_a_catalogue_s_answers_are_judged_at_the_end(merchant: Merchant, stub: StubReplica) -> None:
    merchant.write(
        "photo,question,期望",
        "0.jpg,真皮吗?,好|不错",
        "1.jpg,什么颜色?,红色; 黑色",
        "2.jpg,哪个牌子?,",
    )
    done = merchant.batch("--evaluate", "--require", "answer>=0.5", "--language", "zh")
    assert done.returncode == 0, done.stderr
    told = json.loads(merchant.catalogue.with_suffix(".answers.json").read_text())
    assert told["revisions"] == ["stub-1"]
    assert told["figures"]["answer"]["right"] == [1]
    assert told["figures"]["answer"]["asked"] == 2
    assert told["figures"]["claims.price"]["right"] == [3]
    assert told["efforts"][0]["p50_s"] is None
    page = merchant.catalogue.with_suffix(".answers.html").read_text()
    assert page.count("<img") == 1, "of the row that is wrong"
    asked = len(stub.calls)
    failed = merchant.batch("--evaluate", "--require", "answer>=0.9")
    assert failed.returncode == 1
    assert "FAILED: answer ≥ 0.9 is required" in failed.stdout
    assert merchant.batch("--evaluate", "--require", "answer").returncode == 2
    assert merchant.batch("--evaluate", "--require", "answers>=1").returncode == 1
    assert len(stub.calls) == asked
