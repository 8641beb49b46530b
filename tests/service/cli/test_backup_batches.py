"""A batch in the middle of its work goes through a backup and a restore: each line comes to one
end, and nobody is back who was erased since."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types import Batch
from sqlalchemy import Engine, select, update

from gateway.batch.line import MAX_TRIES
from gateway.batch.lines import LineQueue
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches
from tests.support.batches import (
    ended,
    new_key,
    question,
    results,
    send,
    settings_of,
    shop,
    worker,
)
from tests.support.command_line import shopsight
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
LINES = 9
# Hers are every third: one has ended, one is under way, one waits when the backup is made.
HERS = [n for n in range(LINES) if n % 3 == 0]
OTHERS = [n for n in range(LINES) if n % 3]
CANARY = "canary"


def text_of(number: int) -> str:
    whose = CANARY if number in HERS else "other"
    # The stub keeps those waiting that say "patience".
    return f"{whose} asks {number}" + (" with patience" if number > 2 else "")


class Shop:
    def __init__(self, url: str, key: str, folder: Path, known: dict[str, Any]) -> None:
        self.client: OpenAI = shop(url, key)
        self.folder, self.known = folder, known
        self._url, self._key = url, key

    def erase(self, user: str) -> None:
        headers = {"authorization": f"Bearer {self._key}"}
        answer = httpx.delete(f"{self._url}/v1/users/{user}/data", headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    def run(self, *command: str) -> CompletedProcess[str]:
        names = ("database_url", "file_dir", "image_dir", "pseudonym_key")
        environment = {name.upper(): str(self.known[name]) for name in names}
        done = shopsight(*command, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def send(self) -> Batch:
        users = ("her", "him", "them")
        return send(self.client, [question(n, text_of(n), user=users[n % 3]) for n in range(LINES)])

    def answered(self, batch: Batch) -> Counter[str]:
        return Counter(each["custom_id"] for each in results(self.client, batch.output_file_id))

    def traces(self, engine: Engine) -> list[str]:
        """Of her, in files and in tables of the lane."""
        files = (path for path in (self.folder / "files").rglob("*") if path.is_file())
        found = [str(path) for path in files if CANARY.encode() in path.read_bytes()]
        with engine.connect() as connection:
            for table in (batch_lines, batch_results):
                rows = map(str, connection.execute(select(table)))
                found += [row for row in rows if CANARY in row]
        return found


@pytest.fixture
def here(start_gateway: Start, stub: StubReplica, database_url: str, tmp_path: Path) -> Shop:
    key = new_key(database_url, "acme")
    known = settings_of(tmp_path, database_url, stub.url)
    return Shop(start_gateway(**known, batch_concurrency=0), key, tmp_path, known)


@pytest.fixture
def in_the_middle(
    here: Shop, stub: StubReplica, engine: Engine, tmp_path: Path
) -> tuple[Batch, Path]:
    """A batch, and a backup of when three of its lines had ended and three were leased. The worker
    that held these is gone without a word, as with kill -9."""
    stub.first_delay_s = 3600.0
    leased = select(batch_lines).where(batch_lines.c.fence > 0)
    file = tmp_path / "backup"
    with worker(here.folder, **here.known | {"batch_concurrency": 3, "batch_lease_s": 3600}):
        made = here.send()

        def in_the_middle() -> bool:
            with engine.connect() as connection:
                ended = connection.execute(select(batch_results)).all()
                return len(ended) == 3 and len(connection.execute(leased).all()) == 3

        wait_until("lines under way", in_the_middle)
        here.run("backup", str(file))
    return made, file


def test_each_line_comes_to_one_end_and_the_erased_stay_erased(
    here: Shop, stub: StubReplica, engine: Engine, in_the_middle: tuple[Batch, Path]
) -> None:
    made, file = in_the_middle
    stub.first_delay_s = 0.0
    with worker(here.folder, **here.known):
        first = ended(here.client, made)
    assert here.answered(first) == Counter(f"q{n}" for n in range(LINES))
    here.erase("her")
    stub.calls.clear()

    here.run("restore", str(file), "--replace")
    with engine.connect() as connection:
        restored = connection.execute(select(batches)).one()
        assert (restored.status, restored.completed) == ("in_progress", 3)
    # Not after the hour for which they were leased.
    with worker(here.folder, **here.known):
        again = ended(here.client, made)
    assert again.status == "completed"
    counts = again.request_counts
    assert counts is not None
    # The one of hers that had ended counts as it did.
    assert (counts.total, counts.completed, counts.failed) == (LINES, 7, 2)
    assert here.answered(again) == Counter(f"q{n}" for n in OTHERS)
    assert results(here.client, again.error_file_id) == [], "of the erased nothing is told"
    assert CANARY not in str(stub.calls).lower()
    assert here.traces(engine) == []


def test_a_line_at_its_last_try_has_tries_again(
    here: Shop, stub: StubReplica, engine: Engine, in_the_middle: tuple[Batch, Path]
) -> None:
    """The lease that the backup has broken off is no failure of the line's."""
    made, file = in_the_middle
    stub.first_delay_s = 0.0
    with engine.begin() as connection:
        connection.execute(update(batch_lines).values(tries=MAX_TRIES))
    last = file.with_name("last")
    here.run("backup", str(last))
    here.run("restore", str(last), "--replace")
    with worker(here.folder, **here.known):
        batch = ended(here.client, made)
    assert here.answered(batch) == Counter(f"q{n}" for n in range(LINES))


def test_who_goes_on_across_a_restore_has_lost_its_lines(
    here: Shop, engine: Engine, in_the_middle: tuple[Batch, Path]
) -> None:
    _, file = in_the_middle
    queue = LineQueue(engine, 3600)
    with engine.connect() as connection:
        (key,) = connection.scalars(select(batches.c.batch_id))
    held = queue.take(key, LINES)
    assert len(held) == 6
    here.run("backup", str(file.with_name("held")))
    here.run("restore", str(file.with_name("held")), "--replace")
    assert not any(queue.finish(line, "completed", "{}") for line in held)
    assert [line.tries for line in queue.take(key, LINES)] == [1] * 6
