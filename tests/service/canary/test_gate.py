"""A shop's own set stands before the start of a canary."""

import json
from pathlib import Path

import httpx
import pytest

from gateway.identity.callers import hash_key
from tests.service.canary.conftest import Start
from tests.support.asking import photo
from tests.support.canaries import log_of, run_canary, status, weights


@pytest.mark.parametrize("accepted", ["new", "old"])
def test_a_revision_that_fails_the_set_gets_no_caller(
    start: Start, tmp_path: Path, accepted: str
) -> None:
    """The replicas' answers begin with their own name."""
    gateway = start(API_KEYS=f"shop {hash_key('key')}")
    (tmp_path / "bag.jpg").write_bytes(photo())
    line = {"id": "q", "photo": "bag.jpg", "question": "what?", "expected": {"answer": [accepted]}}
    (tmp_path / "shop.jsonl").write_text(json.dumps(line) + "\n")
    told = ("--set", str(tmp_path / "shop.jsonl"), "--url", gateway.url, "--key", "key")
    done = run_canary(gateway, "start", "new", *told)
    if accepted == "old":
        assert done.returncode == 1
        assert "Not started: new has failed the set shop.jsonl." in done.stderr
        assert (log_of(gateway), weights(gateway)) == ([], {"old": 1})
    else:
        assert done.returncode == 0, done.stderr
        evaluation = status(gateway)["log"][0]["evaluation"]
        assert (evaluation["passed"], evaluation["lines"]) == (True, 1)
        assert weights(gateway) == {"old": 0.95, "new": 0.05}


def test_the_administration_itself_refuses_what_has_failed_the_set(start: Start) -> None:
    """Whoever asks it, not only our command, which looks at the set first."""
    gateway = start()
    evaluation = {"set_name": "shop", "set_sha256": "0" * 64, "lines": 1, "figures": {}}
    new: dict[str, object] = {"candidate": "new", "share": 0.5, "by": "lin"}
    partly = httpx.post(f"{gateway.admin}/canary", json={**new, "evaluation": {"passed": True}})
    assert partly.json()["error"]["message"] == "The field 'evaluation' cannot be accepted."
    new["evaluation"] = {**evaluation, "passed": False}
    refused = httpx.post(f"{gateway.admin}/canary", json=new)
    assert refused.status_code == 409
    assert "failed the shop's own evaluation" in refused.json()["error"]["message"]
    assert (log_of(gateway), weights(gateway)) == ([], {"old": 1})
    new["evaluation"] = {**evaluation, "passed": True}
    started = httpx.post(f"{gateway.admin}/canary", json=new)
    assert started.is_success, started.text
    assert weights(gateway) == {"old": 0.5, "new": 0.5}
