"""Every difference between what was acknowledged and what is there has a name."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from uuid6 import uuid7

from gateway.log.outbox.reconcile import MEANING, compare_ids
from gateway.log.schema.partitions import first_id_at

A, B, C, D, E, F = (UUID(int=n) for n in range(1, 7))


def test_each_id_is_put_under_what_became_of_it() -> None:
    found = compare_ids(
        acknowledged={A, B, C, D}, waiting={B, E}, dead={C}, rows=Counter([A, E, F, F])
    )
    assert (found.lost, found.doubled) == ({D}, {F})
    assert (found.recorded, found.waiting, found.dead) == ({A, F}, {B}, {C})
    assert (found.repeated, found.surplus) == ({E}, {E, F})
    assert not found.exact


def test_all_recorded_once_is_good_and_surplus_alone_is_no_harm() -> None:
    assert compare_ids({A}, set(), set(), Counter([A, B])).exact
    assert not compare_ids({A}, set(), set(), Counter([A, A])).exact
    assert not compare_ids({A, B}, set(), set(), Counter([A])).exact


def test_without_a_ledger_nothing_counts_as_lost() -> None:
    found = compare_ids(None, {A}, {B}, Counter([C]))
    assert found.exact
    assert found.surplus == found.lost == frozenset()


def test_each_line_says_how_many_and_what_it_means() -> None:
    lines = compare_ids({A}, set(), set(), Counter()).report_lines()
    assert len(lines) == len(MEANING)
    assert lines[0].split()[:2] == ["1", "lost"]


def test_ids_made_after_a_moment_are_not_before_its_first() -> None:
    moment = datetime.now(UTC)
    assert first_id_at(moment) < UUID(int=uuid7().int)
    assert first_id_at(moment).bytes[:6] == int(moment.timestamp() * 1000).to_bytes(6, "big")
