"""Canaries with real gateways, a real database and replicas that are bad, or good: what the figures
say is done, by itself."""

import httpx
import pytest

from tests.service.canary.conftest import Start
from tests.support.asking import chat, photo, post, text_of
from tests.support.canaries import (
    Shoppers,
    canary,
    details,
    log_of,
    seconds_until,
    status,
    weights,
)
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.support.voting import Shopper

pytestmark = pytest.mark.long


def test_a_fifth_of_errors_is_rolled_back_at_every_gateway_within_a_minute(
    start: Start, new: StubReplica, redis_url: str, mariadb_url: str
) -> None:
    shared = {"REDIS_URL": redis_url, "DATABASE_URL": mariadb_url}
    one, two = start(**shared), start(**shared)
    before = post(one.url, chat("known?", photo()))
    assert before.headers["x-model-revision"] == "old"
    new.fail_every = 5
    told = canary(one, "start", "new", "--percent", "50", "--by", "lin")
    assert "new beside old: running" in told
    in_force_s = seconds_until("weights", lambda: weights(two) == {"old": 0.5, "new": 0.5}, 5)
    with Shoppers(one, two) as shoppers:
        back_s = seconds_until("rolled back", lambda: weights(two) == weights(one) == {"old": 1})
        wait_until("written down", lambda: log_of(one)[-1] == ("rolled back", "verdict"), 10)
    print(f"in force after {in_force_s:.1f} s, rolled back after {back_s:.1f} s")
    assert 502 in shoppers.statuses
    assert log_of(two) == [("started", "ops:lin"), ("rolled back", "verdict")], "once, not twice"
    row = status(two)["log"][-1]
    assert (row["verdict"], row["why"]) == ("rollback", "errors"), details(two)
    assert row["candidate_figures"]["failed"] > 5
    assert row["baseline_figures"]["failed"] == 0
    # The old revision's answers are still there.
    after = post(two.url, chat("known?", photo()))
    assert (after.headers["x-cache"], text_of(after)) == ("hit", text_of(before))
    shown = canary(two, "status")
    assert "rolled back" in shown
    assert "rollback, for errors" in shown


def test_worse_thumbs_are_rolled_back(start: Start) -> None:
    gateway = start()

    def vote(shopper: Shopper, answer: httpx.Response) -> None:
        worse = answer.headers["x-model-revision"] == "new"
        down = int(answer.headers["x-interaction-id"][-1], 16) < (12 if worse else 3)
        assert shopper.vote(answer, "down" if down else "up").status_code == 202

    canary(gateway, "start", "new", "--percent", "50")
    with Shoppers(gateway, then=vote):
        back_s = seconds_until("rolled back", lambda: log_of(gateway)[-1][0] == "rolled back")
    print(f"rolled back after {back_s:.1f} s")
    assert status(gateway)["log"][-1]["why"] == "thumbs", details(gateway)
    assert weights(gateway) == {"old": 1}


def test_one_that_hangs_until_shoppers_leave_is_rolled_back(start: Start, new: StubReplica) -> None:
    gateway = start()
    new.behaviour = "hang"
    canary(gateway, "start", "new", "--percent", "50")
    with Shoppers(gateway, patience_s=1):
        back_s = seconds_until("rolled back", lambda: log_of(gateway)[-1][0] == "rolled back")
    print(f"rolled back after {back_s:.1f} s")
    row = status(gateway)["log"][-1]
    assert row["why"] == "slow", details(gateway)
    assert row["candidate_figures"]["failed"] == 0


def test_a_good_one_is_promoted_once_enough_requests_have_shown_it(start: Start) -> None:
    gateway = start()
    canary(gateway, "start", "new", "--percent", "50", "--promote", "--after", "40")
    with Shoppers(gateway):
        seconds_until("promoted", lambda: weights(gateway) == {"new": 1})
    wait_until("written down", lambda: log_of(gateway)[-1] == ("promoted", "verdict"), 5)
    assert [action for action, _ in log_of(gateway)] == ["started", "promoting", "promoted"]
    assert status(gateway)["log"][1]["candidate_figures"]["requests"] >= 40
    # Ops may still go back.
    canary(gateway, "rollback", "--by", "lin")
    assert (weights(gateway), log_of(gateway)[-1]) == ({"old": 1}, ("rolled back", "ops:lin"))


def test_no_answer_crosses_revisions(start: Start) -> None:
    gateway = start()
    canary(gateway, "start", "new", "--percent", "50")
    for _ in range(2):
        seen = {}
        for user in (f"user-{n}" for n in range(16)):
            answer = post(gateway.url, chat("同一个问题?", photo(), user=user))
            revision = answer.headers["x-model-revision"]
            assert text_of(answer).startswith(revision)
            seen.setdefault(revision, []).append(answer.headers["x-cache"])
        assert seen.keys() == {"old", "new"}
    assert {each for caches in seen.values() for each in caches} == {"hit"}
    canary(gateway, "rollback")
    for user in (f"user-{n}" for n in range(16)):
        answer = post(gateway.url, chat("同一个问题?", photo(), user=user))
        assert text_of(answer).startswith("old")
        assert answer.headers["x-cache"] == "hit"
