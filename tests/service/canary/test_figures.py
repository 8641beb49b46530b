"""What is counted of both revisions, out of rows in a real database, and whom it speaks against."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete

from gateway.canary.figures import SideFigures, count_due, read_blocks
from gateway.canary.judge import Judge
from gateway.canary.record import Canary
from gateway.log.schema.canary_tables import canary_figures, canary_log
from tests.support.canaries import canary_begun, log_asked

AGO_S = 100.0
SIDES = {"baseline": "old", "canary": "new"}
# What a row needs to be one of those that are bad, and the sign of it.
LEFT = {"outcome": "cancelled", "cache": None, "total_ms": 700.0}
BAD = [
    ("errors", {"outcome": "failed"}),
    ("slow", {"total_ms": 700.0}),
    ("slow", LEFT),
    ("thumbs", {"vote": "down"}),
]


def sums(engine: Engine, canary: Canary) -> dict[str, SideFigures]:
    count_due(engine, canary)
    blocks = read_blocks(engine, canary)
    return {side: sum((getattr(each, side) for each in blocks), SideFigures()) for side in SIDES}


def test_each_revision_is_counted_on_its_own_side(engine: Engine) -> None:
    canary = canary_begun(engine, AGO_S)
    log_asked(engine, "old", 9, at=canary.started_at, vote="up")
    log_asked(engine, "new", 3, at=canary.started_at, vote="down")
    log_asked(engine, "new", 2, at=canary.started_at, total_ms=700.0)
    log_asked(engine, "new", 1, at=canary.started_at, outcome="failed", cache=None)
    log_asked(engine, "third", 7, at=canary.started_at, outcome="failed")
    assert sums(engine, canary) == {
        "baseline": SideFigures(requests=9, failed=0, computed=9, slow=0, votes=9, down=0),
        "canary": SideFigures(requests=6, failed=1, computed=5, slow=2, votes=3, down=3),
    }


def test_what_asked_no_replica_or_came_before_the_start_is_not_counted(engine: Engine) -> None:
    canary = canary_begun(engine, AGO_S)
    for revision in SIDES.values():
        log_asked(engine, revision, 2, at=canary.started_at, cache="hit", total_ms=700.0)
        log_asked(engine, revision, 2, at=canary.started_at, kind="batch line", total_ms=700.0)
        before = canary.started_at - timedelta(seconds=1)
        log_asked(engine, revision, 2, at=before, outcome="failed")
    assert set(sums(engine, canary).values()) == {SideFigures()}


def test_who_left_has_seen_a_slow_answer_once_it_was_slow(engine: Engine) -> None:
    """As when a revision hangs, and nobody waits for its answers to fail. Sooner, or before it was
    known that a replica has to be asked, it says nothing of a revision."""
    canary = canary_begun(engine, AGO_S)
    log_asked(engine, "new", 3, at=canary.started_at, **LEFT)
    log_asked(engine, "new", 2, at=canary.started_at, **{**LEFT, "cache": "miss"})
    log_asked(engine, "new", 4, at=canary.started_at, **{**LEFT, "total_ms": 90.0})
    log_asked(engine, "new", 4, at=canary.started_at, **{**LEFT, "cache": "hit"})
    log_asked(engine, "new", 4, at=canary.started_at, **{**LEFT, "cache": "joined"})
    log_asked(engine, "new", 1, at=canary.started_at)
    assert sums(engine, canary)["canary"] == SideFigures(requests=1, computed=6, slow=5)


def test_a_block_says_what_it_said_when_it_was_first_counted(engine: Engine) -> None:
    """So that two gateways, of which one is late, come to one verdict."""
    canary = canary_begun(engine, AGO_S)
    log_asked(engine, "new", 4, at=canary.started_at)
    before = sums(engine, canary)
    log_asked(engine, "new", 9, at=canary.started_at, outcome="failed")
    assert sums(engine, canary) == before


def test_a_canary_after_a_restore_is_judged_by_its_own_figures(engine: Engine) -> None:
    """The log of before has fewer rows, so its number is that of one that was rolled back since."""
    judge, bad = Judge(engine), canary_begun(engine, AGO_S)
    for block in range(10):
        at = bad.started_at + timedelta(seconds=5 * block + 1)
        log_asked(engine, "old", 20, at=at)
        log_asked(engine, "new", 20, at=at, outcome="failed")
    assert judge.judge(bad).verdict.decision == "rollback"
    with engine.begin() as connection:
        connection.execute(delete(canary_log))
        connection.execute(delete(canary_figures))
    mended = canary_begun(engine, 0)
    assert mended.number == bad.number
    assert judge.judge(mended).verdict.decision == "undecided"


@pytest.mark.parametrize(("sign", "bad"), BAD, ids=["errors", "slow", "left", "thumbs"])
@pytest.mark.parametrize(("worse", "other"), [("new", "old"), ("old", "new")])
def test_only_a_candidate_that_is_worse_is_rolled_back(
    engine: Engine, worse: str, other: str, sign: str, bad: dict[str, Any]
) -> None:
    """Of a baseline that is as bad the same figures say nothing against the candidate."""
    canary = replace(canary_begun(engine, AGO_S), promote_after=1_000_000)
    for block in range(10):
        at = canary.started_at + timedelta(seconds=5 * block + 1)
        log_asked(engine, other, 20, at=at, vote="up")
        log_asked(engine, worse, 10, at=at, vote="up")
        log_asked(engine, worse, 10, at=at, **bad)
    judged = Judge(engine).judge(canary)
    found = judged.verdict.decision, judged.verdict.why
    assert found == (("rollback", sign) if worse == "new" else ("undecided", None))
    sides = (judged.canary, judged.baseline)[:: 1 if worse == "new" else -1]
    assert [each.failed + each.slow + each.down for each in sides] == [100, 0]
