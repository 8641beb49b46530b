"""Group commit: on the loop where it is quick, in the thread where it would hold the loop up."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contract.errors import LogUnavailable
from gateway.log.outbox.group_commit import GroupCommit
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool import Spool
from gateway.log.outbox.spool_folder import SpoolFolder

Commit = tuple[bool, int]
"""In the loop's thread, and of how many events."""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return SpoolFolder(tmp_path / "spool", "process").create_spool()


@pytest.fixture
def commits(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> list[Commit]:
    """Those that were made, and where."""
    made: list[Commit] = []
    append = spool.append

    def noted(events: Sequence[str], wait: bool = True) -> None:
        append(events, wait)
        made.append((threading.current_thread() is threading.main_thread(), len(events)))

    monkeypatch.setattr(spool, "append", noted)
    return made


def writer_of(spool: Spool) -> GroupCommit:
    return GroupCommit(spool, OutboxMetrics(CollectorRegistry()))


def waiting(spool: Spool) -> list[str]:
    return [found.event for found in spool.oldest(10_000)]


async def test_events_of_one_turn_share_a_commit_on_the_loop(
    spool: Spool, commits: list[Commit]
) -> None:
    writer = writer_of(spool)
    await asyncio.gather(*(writer.commit(f"{number}") for number in range(7)))
    await writer.commit("later")
    assert commits == [(True, 7), (True, 1)]
    assert waiting(spool) == [*"0123456", "later"]
    await writer.close()


async def test_with_power_durability_the_loop_never_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SpoolFolder(tmp_path / "synced", "power").create_spool()
    threads: set[threading.Thread] = set()
    append = spool.append

    def noted(events: Sequence[str], wait: bool = True) -> None:
        threads.add(threading.current_thread())
        append(events, wait)

    monkeypatch.setattr(spool, "append", noted)
    writer = writer_of(spool)
    await asyncio.gather(*(writer.commit(f"{number}") for number in range(7)))
    await writer.close()
    assert len(waiting(spool)) == 7
    assert threading.main_thread() not in threads


async def test_while_another_writes_the_thread_waits_and_none_overtakes(
    spool: Spool, commits: list[Commit]
) -> None:
    writer = writer_of(spool)
    await writer.commit("first")
    other = sqlite3.connect(spool.folder / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held_up = writer.commit("held up")
    await asyncio.sleep(0.05)  # the loop goes on
    behind = writer.commit("behind")
    await asyncio.sleep(0.05)
    assert not held_up.done()
    assert not behind.done()
    other.execute("COMMIT")
    await asyncio.gather(held_up, behind)
    await writer.commit("after")
    assert waiting(spool) == ["first", "held up", "behind", "after"]
    assert [on_loop for on_loop, _ in commits] == [True, False, False, True]
    await writer.close()


async def test_after_a_slow_commit_the_loop_leaves_it_to_the_thread(
    spool: Spool, commits: list[Commit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.log.outbox.group_commit.SLOW_S", 0.0)
    writer = writer_of(spool)
    await writer.commit("slow")
    await writer.commit("next")
    assert commits == [(True, 1), (False, 1)]
    await writer.close()


async def test_a_commit_that_fails_refuses_its_events_and_the_next_ones_for_a_while(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(events: Sequence[str], wait: bool = True) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("gateway.log.outbox.group_commit.PAUSE_S", 0.2)
    writer = writer_of(spool)
    with monkeypatch.context() as patched:
        patched.setattr(spool, "append", full)
        with pytest.raises(LogUnavailable):
            await writer.commit("lost")
    assert not writer.healthy
    await asyncio.sleep(0.25)
    assert writer.healthy
    await writer.commit("kept")
    assert waiting(spool) == ["kept"]
    await writer.close()


async def test_what_waits_when_the_writer_closes_is_committed(spool: Spool) -> None:
    writer = writer_of(spool)
    left = [writer.commit(f"{number}") for number in range(3)]
    await writer.close()
    assert all(done.done() for done in left)
    assert waiting(spool) == ["0", "1", "2"]
