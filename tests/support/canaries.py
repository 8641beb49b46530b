"""Two revisions behind real gateways, and shoppers who ask them."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, insert

from gateway.canary.canary_log import read_newest
from gateway.canary.record import Canary
from gateway.log.interaction import Interaction
from gateway.log.schema.canary_tables import canary_log
from gateway.log.schema.tables import feedback, interactions
from tests.support.asking import chat
from tests.support.command_line import shopsight
from tests.support.servers import Server, wait_until
from tests.support.voting import Shopper

_numbers = itertools.count()


def canary(gateway: Server, *arguments: str, **environment: str) -> str:
    """`shopsight canary …`, as ops type it at this gateway; what it said."""
    done = run_canary(gateway, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_canary(gateway: Server, *arguments: str, **environment: str) -> Any:
    port = httpx.URL(gateway.admin).port
    return shopsight("canary", *arguments, ADMIN_PORT=str(port), **environment)


def status(gateway: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{gateway.admin}/canary", timeout=20).json()
    return found


def weights(gateway: Server) -> dict[str, float]:
    found: dict[str, float] = httpx.get(f"{gateway.admin}/weights").json()["weights"]
    return found


def log_of(gateway: Server) -> list[tuple[str, str]]:
    return [(entry["action"], entry["actor"]) for entry in status(gateway)["log"]]


class Shoppers:
    """A context: asks something new, of somebody new, so many times a second. Each leaves after
    `patience_s`."""

    def __init__(
        self,
        *gateways: Server,
        per_s: float = 20,
        patience_s: float = 20,
        then: Callable[[Shopper, httpx.Response], object] = lambda shopper, answer: None,
    ) -> None:
        self._gateways = gateways
        self._pause_s = 1 / per_s
        self._patience_s = patience_s
        self._then = then
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.statuses: list[int] = []

    def __enter__(self) -> "Shoppers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            due = time.monotonic() + self._pause_s
            number = next(_numbers)
            shopper = Shopper(self._gateways[number % len(self._gateways)].url)
            body = chat(f"question {number}?")
            with shopper.client, suppress(httpx.ReadTimeout):
                answer = shopper.client.post(
                    "/v1/chat/completions", json=body, timeout=self._patience_s
                )
                self.statuses.append(answer.status_code)
                self._then(shopper, answer)
            self._stop.wait(max(0, due - time.monotonic()))


def seconds_until(what: str, holds: Callable[[], bool], timeout_s: float = 60) -> float:
    begun = time.monotonic()
    wait_until(what, holds, timeout_s)
    return time.monotonic() - begun


def details(gateway: Server) -> str:
    return json.dumps(status(gateway), indent=1)


def canary_begun(engine: Engine, seconds_ago: float) -> Canary:
    """`new` beside `old`, a tenth of the callers, as the log would have it had it begun then."""
    details = {"baseline": "old", "candidate": "new", "share": 0.1, "promote": False}
    row = {
        "number": 1,
        "done_at": datetime.now(UTC) - timedelta(seconds=seconds_ago),
        "actor": "ops:wang",
        "action": "started",
        "details": json.dumps({**details, "promote_after": 6000, "slow_ms": 600.0}),
    }
    with engine.begin() as connection:
        connection.execute(insert(canary_log), row)
    begun = read_newest(engine)
    assert begun is not None
    return begun


def log_asked(
    engine: Engine,
    revision: str,
    times: int,
    *,
    at: datetime | None = None,
    vote: str | None = None,
    **columns: Any,
) -> None:
    """So many rows of the log: questions that a revision has computed the answer of, at a moment,
    with these `columns`. `vote`: the thumb on each."""
    at = at or datetime.now(UTC)
    rows = []
    for _ in range(times):
        named = Interaction("request-1", outcome="answered", cache="miss", revision=revision)
        row = {**named.row(None), "asked_at": at, "arrived_at": at, "total_ms": 90.0, **columns}
        row.pop("vote")
        rows.append(row)
    thumb = {"vote": vote, "created_at": at, "tenant": "shop"}
    with engine.begin() as connection:
        connection.execute(insert(interactions), rows)
        if vote is not None:
            thumbs = [{**thumb, "interaction_id": row["interaction_id"]} for row in rows]
            connection.execute(insert(feedback), thumbs)
