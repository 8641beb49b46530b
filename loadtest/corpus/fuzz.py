"""`make fuzz`: hypothesis makes up photos, bodies and schemas for a real gateway and replica.
What it finds is a crash, an answer of 5xx, or a good question that fails. The last line is
`RESULT {json}`."""

import argparse
import base64
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings

from gateway.cli.embedded import Stack, embedded_stack
from loadtest.corpus.services import GOOD_PHOTO, HANGS_S, errors_in, memory_mb
from loadtest.corpus.strategies import BODIES, SCHEMAS, damaged
from tests.support.limits import ROOMY

CHAT = "/v1/chat/completions"
EXAMPLES_A_ROUND = 200
GOOD_EVERY = 20


@dataclass
class Fuzz:
    stack: Stack
    said: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    good: int = 0

    def __post_init__(self) -> None:
        self.client = httpx.Client(timeout=HANGS_S, trust_env=False)

    def send(self, what: str, path: str, url: str = "", **body: Any) -> None:
        began = time.monotonic()
        try:
            answer = self.client.post(f"{url or self.stack.url}{path}", **body)
            said = str(answer.status_code)
            if answer.status_code >= 400:
                said += " " + str(answer.json()["error"]["code"])
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            said = type(error).__name__
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.said[f"{what} {said}"] += 1
        if not said.startswith(("2", "4")):
            self.found.append(f"{what} {said}: {_shown(body)}")
        if sum(self.said.values()) % GOOD_EVERY == 0:
            self.ask_well()

    def ask_well(self) -> None:
        self.good += 1
        form = {"question": f"What is it? {self.good}", "max_tokens": "4"}
        files = {"photo": GOOD_PHOTO.read_bytes()}
        answer = self.client.post(f"{self.stack.url}/v1/ask", data=form, files=files)
        if answer.status_code != 200:
            self.found.append(f"a good question: {answer.status_code} {answer.text[:200]}")

    def photo(self, data: bytes) -> None:
        self.send("photo", "/v1/images", content=data)
        text = base64.b64encode(data).decode()
        short = {"image": text, "prompt": "what?", "max_tokens": 2}
        self.send("photo", CHAT, self.stack.replica_url, json=short)

    def body(self, data: bytes) -> None:
        headers = {"content-type": "application/json"}
        self.send("body", CHAT, content=data, headers=headers)
        self.send("body", CHAT, self.stack.replica_url, content=data, headers=headers)

    def schema(self, schema: dict[str, Any]) -> None:
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        turn = {"role": "user", "content": "what?"}
        asked = {"messages": [turn], "max_tokens": 8, "response_format": wanted}
        data = json.dumps(asked).encode()
        headers = {"content-type": "application/json"}
        for url in (self.stack.url, self.stack.replica_url):
            self.send("schema", CHAT, url, content=data, headers=headers)

    def round(self, number: int) -> None:
        """A few hundred inputs of each kind."""
        common = settings(
            max_examples=EXAMPLES_A_ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        for strategy, send in (
            (damaged(), self.photo),
            (BODIES, self.body),
            (SCHEMAS, self.schema),
        ):
            seed(number)(common(given(strategy)(send)))()


def _shown(body: dict[str, Any]) -> str:
    data = body.get("content", b"")
    return base64.b64encode(data).decode()[:4000] if data else json.dumps(body)[:4000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-fuzz-") as folder,
        embedded_stack(Path(folder), ANONYMOUS="allow", **ROOMY) as stack,
    ):
        fuzz = Fuzz(stack)
        fuzz.ask_well()
        before, until, number = memory_mb(stack), time.monotonic() + args.seconds, args.seed
        while time.monotonic() < until:
            fuzz.round(number)
            number += 1
            print(f"{sum(fuzz.said.values())} inputs, {memory_mb(stack)}", flush=True)
        after = memory_mb(stack)
        dead = [child.module for child in stack.children if child.process.poll() is not None]
        fuzz.found += [f"died: {module}" for module in dead]
        fuzz.found += [line for child in stack.children for line in errors_in(child.log)]
    for said, count in fuzz.said.most_common():
        print(f"{count:>7}  {said}")
    for found in fuzz.found:
        print(f"FOUND  {found}")
    print(f"memory before: {before}")
    result = {
        "inputs": sum(fuzz.said.values()),
        "found": len(fuzz.found),
        "good_questions": fuzz.good,
        "slowest_s": round(fuzz.slowest_s, 2),
        **after,
    }
    print("RESULT " + json.dumps(result))
    return 1 if fuzz.found else 0


if __name__ == "__main__":
    raise SystemExit(main())
