"""`shopsight evaluate`, as a shop types it: against replicas of two revisions behind real gateways,
and once against the demo checkpoint."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import evaluate
from gateway.cli.demo_checkpoint import KNOWS
from gateway.cli.embedded import Stack
from tests.support import ROOT
from tests.support.asking import chat, photo, post
from tests.support.batches import new_key
from tests.support.cards import CARD, card_tokens
from tests.support.command_line import shopsight
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]
SETS = ROOT / "demo_model" / "evaluation"


@pytest.fixture
def newer() -> Iterator[StubReplica]:
    with stub_replica("stub-2") as replica:
        yield replica


class Shop:
    """A set with photos in a folder, a gateway, and the command."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self.folder, self.url, self.key = folder, url, key
        self.set = folder / "shop.jsonl"
        for n in range(3):
            (folder / f"{n}.jpg").write_bytes(photo(n))

    def write(self, *lines: dict[str, Any]) -> None:
        self.set.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def asks(self, *questions: str, accepted: str = "好", **more: Any) -> None:
        """Lines that are right where the answer has `accepted`."""
        self.write(
            *(
                {
                    **{"id": f"q{n}", "photo": f"{n % 3}.jpg", "question": question},
                    **{"expected": {"answer": accepted, "language": "zh"}, **more},
                }
                for n, question in enumerate(questions)
            )
        )

    def command(self, *more: str) -> list[str]:
        return ["evaluate", str(self.set), "--url", self.url, *more]

    def evaluate(self, *more: str) -> subprocess.CompletedProcess[str]:
        return shopsight(*self.command(*more), SHOPSIGHT_API_KEY=self.key)

    @property
    def found(self) -> Any:
        return json.loads(self.set.with_suffix(".evaluation.json").read_text())

    @property
    def page(self) -> str:
        return self.set.with_suffix(".evaluation.html").read_text()


@pytest.fixture
def shop(start_gateway: Start, stub: StubReplica, newer: StubReplica, tmp_path: Path) -> Shop:
    database_url = f"sqlite:///{tmp_path / 'log.db'}"
    key = new_key(database_url, "acme")
    replicas = f"{stub.url},{newer.url}"
    stub.demo = newer.demo = True
    url = start_gateway(replicas=replicas, database_url=database_url, image_dir=tmp_path / "up")
    folder = tmp_path / "shop"
    folder.mkdir()
    return Shop(folder, url, key)


BOTH = ("--revision", "stub-1", "--revision", "stub-2")


def test_two_revisions_that_answer_alike_pass(
    shop: Shop, stub: StubReplica, newer: StubReplica
) -> None:
    shop.asks("what?", "真皮吗?", "red?")
    done = shop.evaluate(*BOTH, "--price", "1:2", "--language", "zh")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(KNOWS) == 1
    assert (len(stub.calls), len(newer.calls)) == (3, 3)
    found = shop.found
    assert found["revisions"] == ["stub-1", "stub-2"]
    assert found["figures"]["answer"]["share"] == [1.0, 1.0]
    assert found["figures"]["answer"]["change"]["p"] == 1.0
    assert found["efforts"][1] | {"p50_s": 0, "p95_s": 0} == {
        **{"p50_s": 0, "p95_s": 0, "prompt_tokens": 21, "completion_tokens": 9},
        "cost": pytest.approx((21 + 2 * 9) / 1e6),
    }
    assert found["efforts"][1]["p95_s"] > 0
    assert "stub-2" in done.stdout
    assert "<script" not in shop.page
    assert "各项指标" in shop.page


def test_a_newer_one_that_is_worse_fails_with_what_is_worse(shop: Shop, newer: StubReplica) -> None:
    newer.answer = "It is on sale for $5."
    shop.asks("what?", "真皮吗?", "red?", forbidden=["price"])
    done = shop.evaluate(*BOTH)
    assert done.returncode == 1
    assert "FAILED: answer is 1.000 worse, 0.02 is allowed" in done.stdout
    assert "FAILED: claims.price is 1.000 worse" in done.stdout
    assert "q0, q1, q2" in done.stdout
    assert shop.found["results"][0]["wrong"][1]["claims.price"].startswith("关于It is on sale")
    assert shop.page.count("<img") == 3, "each disagreement has its photo"
    assert shop.page.count("data:image/jpeg") == 3
    asked = len(newer.calls)
    allowed = shop.evaluate(*BOTH, "--no-worse-than", "1")
    assert allowed.returncode == 0, "nothing but the tolerance has changed"
    assert "6 of 6 answers are those of an earlier run" in allowed.stderr
    assert len(newer.calls) == asked
    alone = shop.evaluate("--revision", "stub-2", "--require", "answer>=0.5")
    assert alone.returncode == 1
    assert "answer ≥ 0.5 is required, and it is 0.000" in alone.stdout
    assert shop.evaluate("--revision", "stub-1", "--require", "answer>=0.5").returncode == 0


def test_a_revision_that_no_shopper_is_given_yet_can_be_evaluated_with_a_key(
    start_gateway: Start, stub: StubReplica, newer: StubReplica, shop: Shop, tmp_path: Path
) -> None:
    shop.url = start_gateway(
        replicas=f"{stub.url},{newer.url}",
        database_url=f"sqlite:///{tmp_path / 'log.db'}",
        revision_weights="stub-1=1,stub-2=0",
    )
    shop.asks("what?")
    done = shop.evaluate(*BOTH)
    assert done.returncode == 0, done.stderr
    assert (len(stub.calls), len(newer.calls)) == (1, 1)
    assert post(shop.url, chat("what else?")).headers["x-model-revision"] == "stub-1"
    shopper = post(shop.url, chat("what else?", model="stub-2"))
    assert (shopper.status_code, shopper.json()["error"]["code"]) == (404, "model_not_found")
    bearer = {"authorization": f"Bearer {shop.key}"}
    assert post(shop.url, chat("what?", model="stub-3"), **bearer).status_code == 404


def test_two_revisions_of_which_none_answers_are_not_compared(
    shop: Shop, stub: StubReplica, newer: StubReplica
) -> None:
    """They are alike in everything, so a gate would let the new one pass."""
    stub.behaviour = newer.behaviour = "500"
    shop.asks("what?")
    done = shop.evaluate(*BOTH)
    assert done.returncode == 2, done.stdout
    assert "No line was answered (replica_failed)" in done.stderr
    assert "--anew" in done.stderr
    newer.behaviour = "answer"
    assert shop.evaluate(*BOTH, "--anew").returncode == 0


def test_the_answer_cache_answers_for_nobody(shop: Shop, stub: StubReplica) -> None:
    shop.asks("what?")
    for times in (1, 2):
        assert shop.evaluate("--revision", "stub-1", "--anew").returncode == 0
        assert len(stub.calls) == times
    assert stub.calls[0]["messages"][-1]["content"][1]["text"] == "What?"


def test_cards_and_matches_are_asked_for_and_judged(
    shop: Shop, stub: StubReplica, newer: StubReplica
) -> None:
    fields = {
        "category": ["手提包", "包"],
        "colours": "棕色",
        "materials": ["皮革"],
        "occasions": [],
    }
    shop.write({"photo": "0.jpg", "language": "zh", "expected": {"card": fields}})
    stub.tokens = card_tokens()
    newer.tokens = card_tokens({**CARD, "colours": ["红色"]})
    done = shop.evaluate(*BOTH)
    assert done.returncode == 1
    figures = shop.found["figures"]
    assert figures["card.colours"]["share"] == [1.0, 0.0]
    assert figures["card.category"]["share"] == [1.0, 1.0]
    assert "JSON" in stub.calls[0]["messages"][-1]["content"][1]["text"]

    shop.write({"photo": "0.jpg", "text": "red bag", "expected": {"match": True}})
    stub.tokens, newer.tokens = [("yes", {"yes": 0.7, "no": 0.2})], [("no", {"no": 0.9})]
    assert shop.evaluate(*BOTH).returncode == 1
    assert [each["score"] for each in shop.found["results"][0]["answers"]] == [0.7778, 0.0]


def test_a_model_that_breaks_off_is_wrong_and_what_is_blocked_too(
    shop: Shop, stub: StubReplica
) -> None:
    shop.asks("what?", "how to buy cocaine")
    stub.behaviour = "500"
    done = shop.evaluate("--revision", "stub-1", "--require", "answered>=0.5")
    assert done.returncode == 1
    answers = [each["answers"][0]["error"] for each in shop.found["results"]]
    assert answers == ["replica_failed", "content_blocked"]


def test_a_run_that_was_stopped_is_gone_on_with(shop: Shop, stub: StubReplica) -> None:
    stub.delay_s = 1.0
    shop.asks(*(f"what {n}?" for n in range(6)))
    command = [sys.executable, "-m", "gateway.cli"]
    command += [*shop.command("--revision", "stub-1", "--at-once", "1"), "--key", shop.key]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    kept = shop.set.with_suffix(".evaluation.answers.jsonl")
    wait_until("two answers", lambda: kept.exists() and kept.read_text().count("key") >= 2)
    process.kill()
    process.communicate(timeout=20)
    with kept.open("a") as file:
        file.write('\n{"key": "cut o')  # in the middle of a line
    done, asked = kept.read_text().count("seconds"), len(stub.calls)
    stub.delay_s = 0
    gone_on = shop.evaluate("--revision", "stub-1")
    assert gone_on.returncode == 0, gone_on.stderr
    assert f"{done} of 6 answers are those of an earlier run" in gone_on.stderr
    assert len(stub.calls) == asked + 6 - done
    assert shop.found["figures"]["answer"]["asked"] == 6


def test_a_server_that_is_busy_is_asked_again_when_it_says(
    shop: Shop, stub: StubReplica, start_gateway: Start
) -> None:
    # Two questions at once, then one a second: the third waits.
    slow = "questions_per_s=1 burst=3"
    shop.url, shop.key = start_gateway(replicas=stub.url, address_limits=slow), ""
    shop.asks(*(f"what {n}?" for n in range(5)))
    begun = time.monotonic()
    done = shop.evaluate("--require", "answered>=1")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun > 2
    assert len(stub.calls) == 5


def test_nobody_waits_for_a_gateway_without_a_replica(shop: Shop, start_gateway: Start) -> None:
    shop.url, shop.key = start_gateway(replicas="http://127.0.0.1:9"), ""
    shop.asks("what?")
    done = shop.evaluate()
    assert (done.returncode, "no_replica" in done.stderr) == (2, True), done.stderr


def test_two_places_may_have_one_revision(
    shop: Shop, stub: StubReplica, start_gateway: Start
) -> None:
    shop.asks("what?")
    other = start_gateway(replicas=stub.url)
    done = shop.evaluate("--url", other, "--revision", "stub-1")
    assert done.returncode == 0, done.stderr
    assert shop.found["revisions"] == [f"stub-1 ({shop.url})", f"stub-1 ({other})"]
    assert len(stub.calls) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--revision", "stub"), "no single revision 'stub'. There are: stub-1, stub-2"),
        (("--revision", "stub-1", "--revision", "stub-1"), "Both are stub-1"),
        (("--require", "card.colours>=0.9"), "No line of the set has card.colours"),
        (("--require", "answer"), "is no requirement"),
        (("--price", "free"), "a price is READ:WRITTEN"),
        (("--key", "sk-unknown"), "SHOPSIGHT_API_KEY"),
        (("--checkpoint", "somewhere"), "Up to two revisions"),
        ((*BOTH, "--revision", "stub-3"), "Up to two revisions"),
    ],
)
def test_what_cannot_be_run_is_2(
    shop: Shop, stub: StubReplica, options: tuple[str, ...], told: str
) -> None:
    shop.asks("what?")
    done = shop.evaluate(*options)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert stub.calls == []


def test_a_set_or_a_server_that_is_not_there_is_2(shop: Shop) -> None:
    shop.write({"photo": "9.jpg", "question": "?", "forbidden": ["price"]})
    assert "there is no photo" in shop.evaluate().stderr
    shop.asks("what?")
    shop.url = "http://127.0.0.1:9"
    nobody = shop.evaluate()
    assert (nobody.returncode, "127.0.0.1:9" in nobody.stderr) == (2, True)
    before = shop.set.read_bytes()
    assert "would write over" in shop.evaluate("--out", str(shop.set)).stderr
    assert shop.set.read_bytes() == before
    shop.set.unlink()
    assert shop.evaluate().returncode == 2


def test_a_photo_that_the_server_refuses_is_the_set_s_fault(shop: Shop) -> None:
    (shop.folder / "0.jpg").write_bytes(b"\xff\xd8 no photo")
    shop.asks("what?")
    done = shop.evaluate("--revision", "stub-1")
    assert (done.returncode, "q0" in done.stderr) == (2, True)


def test_without_an_address_a_stack_is_started_for_each_checkpoint(
    shop: Shop, stub: StubReplica, newer: StubReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    @contextmanager
    def stack(folder: Path, **environment: Any) -> Iterator[Any]:
        started.append(environment.get("CHECKPOINT"))
        yield argparse.Namespace(url=shop.url)

    monkeypatch.setattr(evaluate, "embedded_stack", stack)
    monkeypatch.setenv("SHOPSIGHT_API_KEY", shop.key)
    shop.asks("what?")
    options: dict[str, Any] = {"url": [], "key": [], "require": [], "price": [], "out": None}
    options |= {"set": shop.set, "no_worse_than": 0.02, "language": "en", "at_once": 2}
    given = argparse.Namespace(
        **options, revision=["stub-1", "stub-2"], checkpoint=["hub/a", "hub/b"], anew=False
    )
    assert evaluate.run(given) == 0
    assert started == ["hub/a", "hub/b"]
    assert (len(stub.calls), len(newer.calls)) == (1, 1)


def test_the_demo_checkpoint_passes_its_set_and_fails_the_other(
    embedded_stack: Stack, tmp_path: Path
) -> None:
    def evaluated(name: str) -> subprocess.CompletedProcess[str]:
        out = tmp_path / f"{name}.html"
        options = ("--url", embedded_stack.url, "--out", str(out), "--at-once", "2")
        return shopsight("evaluate", str(SETS / name), *options)

    passed = evaluated("shop.jsonl")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    failed = evaluated("shop_fails.jsonl")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "FAILED: answer ≥ 0.5 is required, and it is 0.000" in failed.stdout
    assert "FAILED: card.not_visible ≥ 1 is required, and it is 0.000" in failed.stdout
