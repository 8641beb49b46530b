"""Erasures while events are on their way: whose batch is sent again, and what holds up whom."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from gateway.config import Settings
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox import delivery
from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.forwarder import BATCH_ROWS, Forwarder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.pending_deletions import RETRY_S, PendingDeletions
from gateway.log.outbox.spool import MAX_GROUP, Spool, SpooledEvent
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.tombstones import Subject, Tombstones
from tests.support.erased import WHO, erase, hers, row
from tests.support.events import event
from tests.support.forwarding import ids

STRANGER = Subject("public", "user", "5" * 32)


class Looks:
    """At the tombstones; after the first, before any row is inserted, somebody is erased."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: Engine, who: Subject) -> None:
        self._look, self._engine, self._who = delivery.tombstones.read_since, engine, who
        self.times = 0
        monkeypatch.setattr(delivery.tombstones, "read_since", self)

    def __call__(self, *args: Any) -> Tombstones:
        found = self._look(*args)
        self.times += 1
        if self.times == 1:
            erase(self._engine, self._who)
        return found


def test_who_is_erased_while_a_batch_is_being_inserted_is_not_in_it(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch, engine, WHO)
    text, other = hers(), event(question="mine", user_pseudonym="1" * 32)
    batch = [SpooledEvent(1, 0.0, text), SpooledEvent(2, 0.0, other)]
    outcome = Delivery(engine, lambda _: None).deliver(batch)
    assert looks.times == 4, "it was sent twice"
    assert row(engine, text)["question"] is None
    assert row(engine, other)["question"] == "mine"
    assert [spooled.event for spooled in outcome.erased] == [text]


@pytest.mark.parametrize("who", [STRANGER, WHO], ids=["a stranger", "who had been erased already"])
def test_an_erasure_that_changes_nothing_in_a_batch_does_not_hold_it_up(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch, who: Subject
) -> None:
    texts = [hers(), event(question="mine", user_pseudonym="1" * 32)]
    erase(engine)
    looks = Looks(monkeypatch, engine, who)
    outcome = Delivery(engine, lambda _: None).deliver(
        [SpooledEvent(n, 0.0, t) for n, t in enumerate(texts)]
    )
    assert looks.times == 2, "before the batch and after it"
    assert len(outcome.accepted) == len(ids(engine)) == 2
    assert [row(engine, text)["question"] for text in texts] == [None, "mine"]


KEY = "a" * 64


class AnswerCache:
    """As far as a forwarder sees it: away, until it is not."""

    def __init__(self) -> None:
        self.away = True
        self.asked: list[int] = []

    def delete(self, answers: Sequence[GivenAnswer]) -> bool:
        self.asked.append(len(answers))
        return not self.away


def test_while_redis_is_away_erased_events_hold_up_nobody_elses(
    migrated: str, engine: Engine, tmp_path: Path
) -> None:
    cache, clock = AnswerCache(), [1_000.0]
    settings = Settings(_env_file=None, database_url=migrated)  # type: ignore[call-arg]
    folder = SpoolFolder(tmp_path / "spool", "process")
    (tmp_path / "spool").mkdir()
    spool = folder.create_spool()
    metrics = OutboxMetrics(CollectorRegistry())
    forwarder = Forwarder(settings, folder, spool, engine, metrics, cache.delete)
    forwarder._pending_deletions = PendingDeletions(lambda: clock[0])
    more_than_a_batch = [hers(answer_key=KEY) for _ in range(BATCH_ROWS + 100)]
    last = hers(answer_key=KEY)
    erase(engine)
    append(spool, [*more_than_a_batch, others := event(question="mine")])

    more_at_once = [forwarder._round() for _ in range(3)]
    assert row(engine, others)["question"] == "mine"
    assert more_at_once == [False] * 3, "nothing left the spool in the first: a pause is due"
    assert spool.depth == len(more_than_a_batch)
    assert cache.asked == [BATCH_ROWS], "once, not for each batch"

    clock[0] += RETRY_S
    cache.away = False
    assert [forwarder._round() for _ in range(2)] == [True, False]
    assert spool.depth == 0
    assert cache.asked == [BATCH_ROWS, BATCH_ROWS, 100]

    cache.away = True
    append(spool, [last])
    forwarder._round()
    append(spool, [others := event(question="mine")])  # with the number of one that has left
    forwarder._round()
    assert row(engine, others)["question"] == "mine"
    assert spool.depth == 1
    spool.close()


def append(spool: Spool, events: list[str]) -> None:
    for begin in range(0, len(events), MAX_GROUP):
        spool.append(events[begin : begin + MAX_GROUP])
