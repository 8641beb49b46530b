"""A person is erased from files, lines and results, whatever became of them, and nobody else is."""

import codecs
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types import Batch
from sqlalchemy import create_engine, select

from gateway.batch import jobs
from gateway.batch.files import Files
from gateway.batch.outputs import Outputs
from gateway.erasure.log import LogErasure
from gateway.log.schema.batch_tables import batch_lines, batch_results
from gateway.log.schema.tables import interactions
from tests.support.asking import rows
from tests.support.batches import (
    ended,
    jsonl,
    new_key,
    question,
    results,
    send,
    settings_of,
    shop,
    worker,
)
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
CANARY = "canary"


class Shop:
    def __init__(self, url: str, key: str, folder: Path, known: dict[str, Any]) -> None:
        self.url, self.folder, self.known = url, folder, known
        self.client: OpenAI = shop(url, key)
        self._headers = {"authorization": f"Bearer {key}"}

    def erase(self, user: str) -> dict[str, Any]:
        answer = httpx.delete(f"{self.url}/v1/users/{user}/data", headers=self._headers, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        told: dict[str, Any] = answer.json()
        return told

    def traces(self) -> list[str]:
        """Where anything of the person is left: files and tables of the lane."""
        found = [
            str(path)
            for path in (self.folder / "files").rglob("*")
            if path.is_file() and CANARY.encode() in path.read_bytes()
        ]
        engine = create_engine(self.known["database_url"])
        with engine.connect() as connection:
            for table in (batch_lines, batch_results):
                found += [
                    f"{table.name} {row}"
                    for row in connection.execute(select(table))
                    if CANARY in str(row)
                ]
        engine.dispose()
        return found


@pytest.fixture
def here(start_gateway: Start, stub: StubReplica, database_url: str, tmp_path: Path) -> Shop:
    key = new_key(database_url, "acme")
    known = settings_of(tmp_path, database_url, stub.url)
    return Shop(start_gateway(**known, batch_concurrency=0), key, tmp_path, known)


def lines(count: int = 6) -> list[dict[str, Any]]:
    """Every third is the person's, whose id, custom_ids and questions say so."""
    made = []
    for n in range(count):
        if n % 3 == 0:
            line = question(n, f"{CANARY} asks {n}", user="u-1")
            made.append({**line, "custom_id": f"{CANARY}-{n}"})
        else:
            made.append(question(n, f"other {n}", user="u-2" if n % 3 == 1 else "u-3"))
    return made


def custom_ids(client: OpenAI, batch: Batch) -> list[str]:
    return [each["custom_id"] for each in results(client, batch.output_file_id)]


def test_a_file_without_a_batch_loses_the_person_s_lines(here: Shop) -> None:
    data = jsonl(lines())
    file = here.client.files.create(file=data, purpose="batch")
    # A name that is written otherwise is the same name.
    odd = codecs.BOM_UTF8 + jsonl(lines()).replace(b'"user": "u-1"', b'"us\\u0065r": "u\\u002d1"')
    other = here.client.files.create(file=odd, purpose="batch")
    assert here.erase("u-1")["batch_lines"] == 4
    assert here.traces() == []
    for name in (file.id, other.id):
        left = here.client.files.content(name).read()
        assert len(left) in (len(data), len(odd)), "the other lines are where they were"
        left = left.removeprefix(codecs.BOM_UTF8)
        assert [line for line in left.splitlines() if line.strip()] == [
            line for line in data.splitlines() if CANARY.encode() not in line
        ]
    assert here.erase("u-1")["batch_lines"] == 0


def test_a_batch_of_an_erased_file_asks_the_others_lines(here: Shop, stub: StubReplica) -> None:
    file = here.client.files.create(file=jsonl(lines()), purpose="batch")
    here.erase("u-1")
    with worker(here.folder, **here.known):
        made = here.client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        batch = ended(here.client, made)
    assert custom_ids(here.client, batch) == ["q1", "q2", "q4", "q5"]
    assert CANARY not in str(stub.calls)


def test_lines_that_wait_or_are_under_way_have_no_result(here: Shop, stub: StubReplica) -> None:
    stub.delay_s = 1.0
    with worker(here.folder, **here.known, batch_concurrency=2):
        made = send(here.client, lines(9))
        wait_until("lines under way", lambda: CANARY.title() in str(stub.calls))
        told = here.erase("u-1")
        assert told["batch_lines"] == 3
        batch = ended(here.client, made)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.failed) == (9, 3)
    assert custom_ids(here.client, batch) == ["q1", "q2", "q4", "q5", "q7", "q8"]
    assert results(here.client, batch.error_file_id) == []
    assert here.traces() == []


@pytest.mark.parametrize("made", ["before", "meanwhile"])
def test_lines_that_are_asked_while_their_person_is_erased_leave_nothing(
    here: Shop, stub: StubReplica, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """One is in the log before the tombstone is there, one ends behind it, one after it all."""
    begin, stack = LogErasure.begin, ExitStack()
    turns = ["first", "second", "third", "fourth"]
    mine = [question(n, f"{CANARY} {turn}", user="u-1") for n, turn in enumerate(turns)]
    data = jsonl([*mine, question(9, "other", user="u-2")])
    file = here.client.files.create(file=("x.jsonl", data), purpose="batch")

    def make() -> Batch:
        return here.client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )

    batches = [make()] if made == "before" else []
    stub.held = {"second", "third"}

    def asked(turn: str) -> bool:
        return f"{CANARY} {turn}" in str(stub.calls).lower()

    def begin_in_the_middle(self: LogErasure, actor: str) -> None:
        if made == "meanwhile":
            batches.append(make())
        stack.enter_context(worker(here.folder, **here.known, batch_concurrency=1))
        wait_until("a row", lambda: len(lines_in_log(here)) == 1)
        wait_until("the second line", lambda: asked("second"))
        begin(self, actor)
        stub.held = {"third"}
        wait_until("the third line", lambda: asked("third"))

    monkeypatch.setattr(LogErasure, "begin", begin_in_the_middle)
    with stack:
        here.erase("u-1")
        assert not asked("fourth"), "it was waiting"
        stub.held = set()
        batch = ended(here.client, batches[0])
        assert custom_ids(here.client, batch) == ["q9"]
        wait_until("rows", lambda: len(lines_in_log(here)) == 4)
        kept = [row["question"] for row in lines_in_log(here)]
        assert sorted(map(str, kept)) == ["None", "None", "None", "other"]
        assert CANARY not in str(lines_in_log(here)).lower()
        assert [row["user_pseudonym"] for row in lines_in_log(here)].count(None) == 3
        assert here.traces() == []


def lines_in_log(here: Shop) -> list[dict[str, Any]]:
    engine = create_engine(here.known["database_url"])
    with engine.connect() as connection:
        query = select(interactions).where(interactions.c.kind == "batch line")
        found = [dict(row) for row in connection.execute(query).mappings()]
    engine.dispose()
    return found


def test_what_was_written_of_a_batch_loses_the_person(here: Shop, stub: StubReplica) -> None:
    bad = {**question(90, f"{CANARY} again", user="u-1", stream=True), "custom_id": f"{CANARY}-90"}
    with worker(here.folder, **here.known):
        batch = ended(here.client, send(here.client, [*lines(), bad]))
        rows(here.known["database_url"])
        before = here.client.files.content(batch.output_file_id or "").read()
        assert CANARY.encode() in before
        assert len(here.traces()) > 2
        told = here.erase("u-1")
        assert (told["batch_lines"], told["batch_results"]) == (3, 3)
        assert here.traces() == []
        after = here.client.files.content(batch.output_file_id or "").read()
        assert len(after) == len(before)
        told_of = results(here.client, batch.output_file_id)
        assert [each["custom_id"] for each in told_of] == [None, "q1", "q2", None, "q4", "q5"]
        assert told_of[0]["error"]["code"] == "erased"
        assert told_of[1]["response"]["status_code"] == 200
        (failed,) = results(here.client, batch.error_file_id)
        assert failed["custom_id"] is None
        kept = [row for row in rows(here.known["database_url"]) if row["kind"] == "batch line"]
        assert len(kept) == 7
        assert CANARY not in str(kept).lower()
        assert sum(row["question"] is None for row in kept) == 3


def test_results_go_where_the_upload_was_deleted_before(here: Shop) -> None:
    with worker(here.folder, **here.known):
        batch = ended(here.client, send(here.client, lines()))
        here.client.files.delete(batch.input_file_id)
        assert here.erase("u-1")["batch_results"] == 2
        assert here.traces() == []
        assert custom_ids(here.client, batch) == [None, "q1", "q2", None, "q4", "q5"]


def test_an_erasure_in_the_middle_of_writing_begins_the_writing_again(
    here: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, begun = Outputs._write, []

    def write_and_erase(self: Outputs, *arguments: Any) -> Any:
        written = write(self, *arguments)
        if not begun:
            begun.append(True)
            here.erase("u-1")
        return written

    monkeypatch.setattr(Outputs, "_write", write_and_erase)
    with worker(here.folder, **here.known):
        batch = ended(here.client, send(here.client, lines()))
    assert custom_ids(here.client, batch) == ["q1", "q2", "q4", "q5"]
    assert here.traces() == []


def test_an_erasure_in_the_middle_of_a_check_begins_the_check_again(
    here: Shop, monkeypatch: pytest.MonkeyPatch, stub: StubReplica
) -> None:
    check, begun = jobs.check_file, []

    def check_and_erase(*arguments: Any) -> Any:
        checked = check(*arguments)
        if not begun:
            begun.append(True)
            here.erase("u-1")
        return checked

    monkeypatch.setattr(jobs, "check_file", check_and_erase)
    with worker(here.folder, **here.known):
        batch = ended(here.client, send(here.client, lines()))
    assert custom_ids(here.client, batch) == ["q1", "q2", "q4", "q5"]
    assert CANARY not in str(stub.calls).lower()
    assert here.traces() == []


def test_a_file_that_was_on_its_way_loses_who_was_erased_meanwhile(
    here: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Files._keep

    def erase_and_keep(self: Files, *arguments: Any) -> Any:
        here.erase("u-1")
        return keep(self, *arguments)

    monkeypatch.setattr(Files, "_keep", erase_and_keep)
    file = here.client.files.create(file=jsonl(lines()), purpose="batch")
    assert here.traces() == []
    left = here.client.files.content(file.id).text.splitlines()
    assert len([line for line in left if line.strip()]) == 4


def test_others_stay_and_so_does_what_comes_afterwards(here: Shop, stub: StubReplica) -> None:
    with worker(here.folder, **here.known):
        batch = ended(here.client, send(here.client, lines()))
        here.erase("u-9")
        assert len(custom_ids(here.client, batch)) == 6
        here.erase("u-1")
        anew = ended(here.client, send(here.client, lines()))
        assert len(custom_ids(here.client, anew)) == 6, "what is asked afterwards is new"
