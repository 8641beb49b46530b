"""The table of clients in docs/integrators.md, and what each of its cells has to show."""

import re
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tests.support import ROOT
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.support.voting import thumbs

PROGRAMS = ROOT / "tests/clients/programs"
VENV = ROOT / ".venv-clients/bin/python"
NODE_MODULES = ROOT / "tests/clients/node_modules"
ANSWER = "关于「这是真皮吗？」:好"
UNSUPPORTED = 3
# By their names in the table: what starts each, and what has to be installed for it.
CLIENTS: dict[str, tuple[list[str], Path | None]] = {
    "OpenAI, Python": ([sys.executable, "openai_python.py"], None),
    "OpenAI, Node": (["node", "openai_node.mjs"], NODE_MODULES),
    "curl": (["bash", "curl.sh"], None),
    "LangChain": ([str(VENV), "in_langchain.py"], VENV),
    "LiteLLM": ([str(VENV), "in_litellm.py"], VENV),
    "Vercel's AI SDK": (["node", "ai_sdk.mjs"], NODE_MODULES),
    "a mini-program": (["node", "mini_program.mjs"], NODE_MODULES),
}
YES, NO = "✓", "–"


def table() -> dict[tuple[str, str], bool]:
    """Which client does what, as docs/integrators.md says."""
    text = (ROOT / "docs/integrators.md").read_text()
    head, *lines = re.findall(rf"^\| (?:client|{'|'.join(CLIENTS)}) \|.*", text, re.MULTILINE)
    features = [cell.strip(" `") for cell in head.strip("|").split("|")][1:]
    cells = {}
    for line in lines:
        name, *marks = [cell.strip() for cell in line.strip("|").split("|")]
        assert set(marks) <= {YES, NO}, line
        pairs = zip(features, marks, strict=True)
        cells |= {(name, feature): mark == YES for feature, mark in pairs}
    return cells


CELLS = table()
BUILT_IN = [cell for cell in CELLS if CLIENTS[cell[0]][1] is None]
INSTALLED = [cell for cell in CELLS if cell not in BUILT_IN]


def check(cell: tuple[str, str], found: Any, stub: StubReplica, log: Engine) -> None:
    """What a client told of a feature (None: it has none), and what reached replica and log."""
    assert (found is not None) == CELLS[cell]
    feature = cell[1]
    if found is None:
        return
    if feature == "schema":
        assert found == {"value": {"kind": "bag"}}
        assert stub.calls[-1]["response_format"]["type"] == "json_schema"
    elif feature == "vote":
        assert found["vote"] == "up"
        wait_until("the vote counts", lambda: thumbs(log) == [("up", None)])
    elif feature == "erase":
        assert (found["object"], found["images"]) == ("erasure", 1)
    elif feature == "error":
        assert (found["status"], found["code"]) == (404, "model_not_found")
    else:
        assert found["text"] == ANSWER
        last = stub.calls[-1]["messages"]
        shown = [p for m in last for p in m["content"] if isinstance(p, dict) and "image_url" in p]
        assert len(shown) == (2 if feature == "photos" else 1)
        roles = [message["role"] for message in last]
        expected = ["system", "user", "assistant", "user"]
        assert roles == (expected if feature == "conversation" else ["system", "user"])
        assert stub.calls[-1]["stream"]
