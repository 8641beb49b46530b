"""Erasures while events are on their way: whose batch is sent again, and what holds up whom."""

from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.log import delivery
from gateway.log.delivery import Delivery
from gateway.log.spool import Waiting
from gateway.log.tombstones import Subject, Tombstones
from tests.service.erased import WHO, erase, hers, row
from tests.service.events import event
from tests.service.forwarding import ids

STRANGER = Subject("public", "user", "5" * 32)


class Looks:
    """At the tombstones; after the first, before any row is inserted, somebody is erased."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: Engine, who: Subject) -> None:
        self._look, self._engine, self._who = delivery.tombstones.since, engine, who
        self.times = 0
        monkeypatch.setattr(delivery.tombstones, "since", self)

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
    batch = [Waiting(1, 0.0, text), Waiting(2, 0.0, other)]
    outcome = Delivery(engine, lambda _: None).deliver(batch)
    assert looks.times == 4, "it was sent twice"
    assert row(engine, text)["question"] is None
    assert row(engine, other)["question"] == "mine"
    assert [waiting.event for waiting in outcome.erased] == [text]


@pytest.mark.parametrize("who", [STRANGER, WHO], ids=["a stranger", "who had been erased already"])
def test_an_erasure_that_changes_nothing_in_a_batch_does_not_hold_it_up(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch, who: Subject
) -> None:
    texts = [hers(), event(question="mine", user_pseudonym="1" * 32)]
    erase(engine)
    looks = Looks(monkeypatch, engine, who)
    outcome = Delivery(engine, lambda _: None).deliver(
        [Waiting(n, 0.0, t) for n, t in enumerate(texts)]
    )
    assert looks.times == 2, "before the batch and after it"
    assert len(outcome.accepted) == len(ids(engine)) == 2
    assert [row(engine, text)["question"] for text in texts] == [None, "mine"]
