"""What the README tells a newcomer to type under "Ask" is typed here, against a gateway and a
replica that knows the form of each answer."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.cards import card_tokens
from tests.support.stub_replica import StubReplica

BLOCK = re.compile(r"^## (?:Ask|提问)\n.*?^```\n(.*?)^```", re.DOTALL | re.MULTILINE)
# The first two start a stack and wait for it, the last one stops it. That is tests/drills/test_run.
STARTS = 2


def commands(readme: Path) -> list[str]:
    found = BLOCK.search(readme.read_text())
    assert found
    return found[1].splitlines()


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_commands_under_ask_are_answered(
    start_gateway: Callable[..., str], stub: StubReplica, readme: str
) -> None:
    gateway = start_gateway(replicas=(stub.url,))
    lines = commands(ROOT / readme)
    assert lines[0].startswith("make run")
    assert "/readyz" in lines[1]
    assert lines[-1] == "kill %1"
    asked = 0
    for line in lines[STARTS:-1]:
        match = [("yes", {"yes": 0.9, "no": 0.1})] if "/match" in line else []
        stub.tokens = card_tokens() if "/products/card" in line else match
        here = line.replace("http://127.0.0.1:8080", gateway)
        here = here.replace(".venv/bin/shopsight ask", f"{sys.executable} -m gateway.cli ask")
        if "gateway.cli" in here:
            here += f" --url {gateway}"
        else:
            here = here.replace("curl ", "curl --silent --show-error --fail-with-body ")
        done = subprocess.run(
            ["bash", "-c", here], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if "curl" in line:
            answer = json.loads(done.stdout)
            kind = answer.get("object", "text")
            assert kind in ("text", "product.card", "product.match"), answer
            assert kind != "product.match" or 0 < answer["score"] < 1
        else:
            assert "真皮" in done.stdout
        asked += 1
    assert asked == len(lines) - STARTS - 1 >= 4
