"""The drills of `make drills` in short: real processes, killed, starved and locked out. The
controls show that the check is able to find what it looks for."""

from pathlib import Path

import pytest

from tests.drills import (
    batch_lane,
    database_down,
    deadlocks,
    disk_full,
    kill_forwarders,
    kill_gateways,
    killed_in_commit,
    mysql_failover,
    object_store,
    poison,
    redis_moves,
    scaled_away,
    torn_tail,
    unique_key,
    upgrade,
)
from tests.support.missing import missing

pytestmark = pytest.mark.long


def test_gateways_killed_under_load_lose_and_double_nothing() -> None:
    verdict = kill_gateways.drill(kills=2)
    assert verdict.exact, verdict
    assert verdict.more["surplus"] <= verdict.more["in_flight_at_kills"]
    assert verdict.more["errors"] <= verdict.more["in_flight_at_kills"]


def test_the_check_finds_what_gateways_without_a_spool_lose() -> None:
    verdict = kill_gateways.drill(kills=2, module=kill_gateways.CONTROL)
    assert verdict.lost > 0


def test_forwarders_killed_under_load_lose_and_double_nothing_and_fail_nobody() -> None:
    verdict = kill_forwarders.drill(kills=2)
    assert verdict.exact, verdict
    assert verdict.error_rate == 0
    assert verdict.more["restarts"] == verdict.more["kills"]


def test_events_that_are_sent_twice_are_one_row() -> None:
    verdict = unique_key.drill(seconds=1)
    assert verdict.exact, verdict


def test_the_check_finds_what_a_table_without_its_unique_key_doubles() -> None:
    verdict = unique_key.drill(unique_key=False, seconds=1)
    assert verdict.lost == 0
    assert verdict.doubled == verdict.more["acknowledged"]


def test_a_torn_tail_costs_no_acknowledged_event_and_is_counted() -> None:
    verdict = torn_tail.drill(cuts=40)
    assert verdict.exact, verdict
    assert verdict.more["with_torn_frames"] > verdict.more["crashes"] / 2


def test_answers_go_on_while_the_database_is_away() -> None:
    verdict = database_down.drill(outages=1, down_s=1, longest_s=3)
    assert verdict.exact, verdict
    assert verdict.error_rate == 0
    assert verdict.more["backlog"] > 200
    assert verdict.more["p99_without_vs_with"] > 0, "both were timed"


def test_a_database_killed_in_mid_commit_loses_and_doubles_nothing() -> None:
    verdict = killed_in_commit.drill(kills=2)
    assert verdict.exact, verdict
    assert verdict.error_rate == 0


def test_a_database_that_moves_to_its_replica_loses_nothing_and_fails_nobody() -> None:
    verdict = mysql_failover.drill(per_s=20, calm_s=1)
    assert verdict.exact, verdict
    assert verdict.more["failed"] == verdict.more["dead_letters"] == 0


def test_the_check_finds_what_a_replica_that_nobody_waits_for_has_lost() -> None:
    verdict = mysql_failover.drill(per_s=20, calm_s=1, semi_synchronous=False)
    assert verdict.lost > 0
    assert verdict.doubled == 0


def test_a_node_of_a_redis_cluster_that_dies_costs_no_answer() -> None:
    verdict = redis_moves.cluster(per_s=10, calm_s=0.5)
    assert verdict.exact, verdict
    assert verdict.failed == 0
    assert verdict.more["misses"] > 0, "a third of the questions had to be computed again"


def test_a_redis_master_that_dies_costs_no_answer() -> None:
    verdict = redis_moves.sentinel(per_s=10, calm_s=0.5)
    assert verdict.exact, verdict
    assert verdict.failed == 0


def test_uploads_in_an_object_store_outlive_its_outage_and_a_gateway() -> None:
    verdict = object_store.drill(calm_s=1, away_s=1)
    assert verdict.exact, verdict
    assert verdict.failed == 0, verdict
    assert verdict.more["kept"] > 2
    assert verdict.more["refused"] > 0, "nobody was told that a photo is kept which is not"


def test_the_check_finds_uploads_that_a_gateway_has_kept_for_itself() -> None:
    assert object_store.drill(calm_s=1, shared=False).lost > 0


def test_deadlocks_are_tried_again_and_make_no_dead_letters() -> None:
    verdict = deadlocks.drill(seconds=4)
    assert verdict.exact, verdict
    assert verdict.more["deadlocks"] > 0
    assert verdict.more["retried"] > 0
    assert verdict.more["dead_letters"] == 0


def test_poison_is_set_aside_and_holds_up_no_other_event() -> None:
    verdict = poison.drill(seconds=5, poison_every=50)
    assert verdict.exact, verdict
    assert verdict.more["dead_letters"] == verdict.more["poisoned"] > 0
    # Behind one another, ten of them with 3 s of attempts each would hold up the last for 30.
    assert verdict.more["latest_other_s"] < 10
    assert verdict.more["dead_letters_after"] == 0


def test_what_gateways_leave_that_never_come_back_is_delivered() -> None:
    verdict = scaled_away.drill(seconds=2)
    assert verdict.exact, verdict
    assert verdict.error_rate == 0
    assert verdict.more["backlog"] > 100
    assert verdict.more["spools_left"] == 0


def test_a_full_disk_refuses_and_loses_nothing_and_heals() -> None:
    try:
        verdict = disk_full.drill(room_bytes=2 << 20, refused_s=1, per_s=50)
    except disk_full.NotAllowed:
        missing("only root may mount a small disk")
    assert verdict.exact, verdict
    assert verdict.more["refused"] > 10
    assert verdict.more["errors_once_healed"] == 0


def test_an_upgrade_and_its_way_back_beside_the_version_before_fail_no_request() -> None:
    verdict = upgrade.drill(settle_s=2)
    assert verdict.exact, verdict
    assert verdict.more["failed"] == 0, verdict
    assert verdict.more["asked"] > 200


def test_a_clone_without_the_version_before_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(upgrade.NoHistoryError, match="git fetch --unshallow"):
        upgrade.checkout("0" * 40, tmp_path / "nothing")


def test_a_batch_whose_workers_are_killed_loses_and_doubles_nothing() -> None:
    verdict = batch_lane.drill(lines=60)
    assert (verdict.lost, verdict.doubled, verdict.failed) == (0, 0, 0), verdict
    assert verdict.ended == "completed"
    assert len(verdict.kills) == 3
