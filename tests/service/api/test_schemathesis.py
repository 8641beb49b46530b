"""Schemathesis makes requests of the API's own description, good ones and bad ones: no 5xx, no
status, header or body that is not described, and nothing taken that the description forbids."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.api.reference.operations import OPERATIONS
from tests.support import ROOT
from tests.support.batches import new_key, settings_of
from tests.support.cards import card_tokens
from tests.support.stub_replica import StubReplica

pytestmark = pytest.mark.long

CANONICAL = "这是真皮吗？"
# Of an operation, beside some hundred that it derives from the schema alone.
EXAMPLES = 8
# Then it makes up no more. What it derives from the schema is always done.
SECONDS = 60
# What a request means is in no schema: whose photo it is, who speaks last. So not every one that
# looks good can be answered.
LEFT_OUT = "positive_data_acceptance"


def test_what_is_described_is_what_is_done(
    start_gateway: Callable[..., str], stub: StubReplica, tmp_path: Path
) -> None:
    database_url = f"sqlite:///{tmp_path / 'log.db'}"
    key = new_key(database_url, "shop")
    # The answer to whatever is asked: a card, whose first token says how well a text matches.
    stub.tokens = [("{", {"{": 0.5, "是": 0.4, "不": 0.1}), *card_tokens()[1:]]
    url = start_gateway(**settings_of(tmp_path, database_url, stub.url))
    program = str(Path(sys.executable).with_name("schemathesis"))
    told = subprocess.run(
        [
            *(program, "run", f"{url}/openapi.json", "--no-color"),
            *("--header", f"authorization: Bearer {key}"),
            *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"),
            *("--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure"),
            *("--max-examples", str(EXAMPLES), "--generation-deterministic"),
            *("--max-time", str(SECONDS)),
            *("--warnings", "off"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    assert f"{len(OPERATIONS)} passed" in told.stdout, "it tests all operations"
    questions = {call["messages"][-1]["content"][-1]["text"] for call in stub.calls}
    assert CANONICAL in questions, "its examples are answered"
