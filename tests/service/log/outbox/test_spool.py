"""The spool's files: what a commit survives, who owns a spool, what a crash may leave behind."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.log.outbox.spool import MAX_GROUP, NEW_WAL_BYTES, Spool
from gateway.log.outbox.spool_folder import SpoolFolder, ids_in, is_owned, spools_in
from tests.support import ROOT
from tests.support.events import event


@pytest.fixture
def folder(tmp_path: Path) -> SpoolFolder:
    return SpoolFolder(tmp_path / "spool", "process")


def waiting(spool: Spool) -> list[str]:
    return [found.event for found in spool.oldest(10_000)]


def test_events_wait_in_order_until_they_are_removed(folder: SpoolFolder) -> None:
    spool = folder.create_spool()
    events = [event() for _ in range(5)]
    spool.append(events[:2])
    spool.append(events[2:])
    assert waiting(spool) == events
    assert (spool.depth, spool.size) == (5, sum(map(len, events)))
    first, _, third, *_ = spool.oldest(10)
    assert [found.event for found in spool.oldest(2, skipped=[first.seq])] == events[1:3]
    spool.remove([first, third])
    assert waiting(spool) == [events[1], *events[3:]]
    assert spool.depth == 3


def test_what_has_left_is_soon_in_no_file(
    folder: SpoolFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = folder.create_spool()

    def holding() -> list[str]:
        files = [path for path in spool.folder.iterdir() if path.name != "ballast"]
        return sorted(path.name for path in files if b"canary" in path.read_bytes())

    spool.append([event(question="canary" * 1_000), event()])
    spool.remove(spool.oldest(1))
    spool.maintain()
    assert holding() == ["events.db-wal"]
    monkeypatch.setattr("gateway.log.outbox.spool.WAL_AGE_S", 0.0)
    spool.maintain()
    assert holding() == []
    assert len(waiting(spool)) == 1


def test_an_emptied_spool_is_removed_and_another_is_kept(folder: SpoolFolder) -> None:
    emptied, kept = folder.create_spool(), folder.create_spool()
    for spool in (emptied, kept):
        spool.append([event()])
    emptied.remove(emptied.oldest(1))
    emptied.close()
    kept.close()
    assert spools_in(folder.path) == [kept.folder]


def test_a_living_owners_spool_is_left_alone_and_a_dead_ones_adopted_once(
    folder: SpoolFolder,
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.support.events import event;"
        "from gateway.log.outbox.spool_folder import SpoolFolder;"
        "spool = SpoolFolder(Path(sys.argv[1]), 'process').create_spool();"
        "spool.append([event() for _ in range(3)]); print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(folder.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        (path,) = spools_in(folder.path)
        assert is_owned(path)
        assert list(folder.adopt_orphans()) == []
        assert len(ids_in(path)) == 3
        owner.send_signal(signal.SIGKILL)
    (adopted,) = folder.adopt_orphans()
    assert list(SpoolFolder(folder.path, "process").adopt_orphans()) == []
    assert adopted.depth == 3


def test_what_is_no_spool_any_more_is_put_aside_for_a_person(folder: SpoolFolder) -> None:
    spool = folder.create_spool()
    spool.append([event()])
    spool.release()
    (spool.folder / "events.db").write_bytes(b"not a database at all" * 500)
    assert list(folder.adopt_orphans()) == []
    assert spools_in(folder.path) == []
    assert (folder.path / (spool.folder.name + ".damaged") / "events.db").exists()


def test_a_folder_left_half_made_or_half_removed_is_cleared_away(folder: SpoolFolder) -> None:
    (folder.path / "20260101T000000-00000000").mkdir(parents=True)
    (orphan,) = folder.adopt_orphans()
    assert orphan.depth == 0
    orphan.close()
    assert spools_in(folder.path) == []


def test_a_spool_gives_its_space_back(folder: SpoolFolder) -> None:
    spool = folder.create_spool()
    for _ in range(100):
        spool.append([event(answer="x" * 2_000) for _ in range(MAX_GROUP)])
    full = sum(file.stat().st_size for file in spool.folder.iterdir())
    while batch := spool.oldest(500):
        spool.remove(batch)
        spool.maintain()
    for _ in range(20):
        spool.maintain()
        spool.append([event()])  # the log starts anew with a commit
        spool.remove(spool.oldest(1))
    assert sum(file.stat().st_size for file in spool.folder.iterdir()) < full / 2


def test_an_idle_spools_log_is_cut_once_and_begun_by_who_tidies(
    folder: SpoolFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever begins a log syncs its head: that is not to be the event loop, which appends."""
    monkeypatch.setattr("gateway.log.outbox.spool.WAL_AGE_S", 0.0)
    spool = folder.create_spool()
    wal = spool.folder / "events.db-wal"
    spool.append([event(question="canary")])
    spool.remove(spool.oldest(1))
    spool.maintain()
    head = wal.read_bytes()
    assert len(head) == NEW_WAL_BYTES
    assert b"canary" not in head
    spool.maintain()
    assert wal.read_bytes() == head
    spool.append([event()])
    assert wal.read_bytes().startswith(head), "written on, not anew"


def test_what_an_earlier_generation_of_the_log_left_behind_is_not_torn(tmp_path: Path) -> None:
    spool = SpoolFolder(tmp_path / "spool", "process").create_spool()
    for _ in range(20):
        spool.append([event()])
    spool._checkpoint("PASSIVE")
    spool.append([event()])  # the log starts anew, over the first of its old frames
    shutil.copytree(spool.folder, tmp_path / "crashed" / spool.folder.name)
    (adopted,) = SpoolFolder(tmp_path / "crashed", "process").adopt_orphans()
    assert (adopted.depth, adopted.torn_frames) == (21, 0)


def test_with_power_durability_each_commit_is_synced(tmp_path: Path) -> None:
    for durability, level in (("process", 1), ("power", 2)):
        spool = SpoolFolder(tmp_path / durability, durability).create_spool()  # type: ignore[arg-type]
        spool.append([event()])
        assert spool._writers[True].execute("PRAGMA synchronous").fetchone() == (level,)


def test_a_file_held_by_something_foreign_fails_the_commit_and_no_later_one(
    folder: SpoolFolder,
) -> None:
    spool = folder.create_spool()
    foreign = sqlite3.connect(spool.folder / "events.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError):
        spool.append([event()])
    spool.reopen_writers()
    foreign.execute("ROLLBACK")
    late = event()
    spool.append([late])
    assert waiting(spool) == [late]
    assert os.path.exists(spool.folder)
