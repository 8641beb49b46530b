"""While the database is away the page of the last hour tells what was known last, and says so."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers import gateway_process, mariadb_server, wait_until
from tests.support.stub_process import stub_process

# The page refreshes by itself every ten seconds: it is not to wait for a database.
PROMPTLY_S = 2.0


def test_the_last_hour_says_when_the_canary_s_log_cannot_be_read(tmp_path: Path) -> None:
    with ExitStack() as database, ExitStack() as others:
        server = database.enter_context(mariadb_server(tmp_path / "sql"))
        old = others.enter_context(stub_process(tmp_path, revision="old"))
        new = others.enter_context(stub_process(tmp_path, revision="new"))
        gateway = others.enter_context(
            gateway_process(
                tmp_path,
                REPLICAS=f"{old.url},{new.url}",
                REVISION_WEIGHTS="old=1",
                DATABASE_URL=server.url,
            )
        )

        def told() -> dict[str, Any]:
            began = time.monotonic()
            answer = httpx.get(f"{gateway.admin}/last-hour", timeout=30).raise_for_status()
            assert time.monotonic() - began < PROMPTLY_S
            canary: dict[str, Any] = answer.json()["canary"]
            return canary

        start = {"candidate": "new", "share": 0.25, "by": "lin"}
        wait_until(
            "started", lambda: httpx.post(f"{gateway.admin}/canary", json=start).is_success, 20
        )
        wait_until("judged", lambda: told()["figures"] is not None, 20)
        before = told()
        assert before["log_available"] is True

        database.close()
        wait_until("noticed", lambda: told()["log_available"] is False, 30)
        away = told()
        for name in ("canary", "log", "weights"):
            assert away[name] == before[name], name
        assert away["canary"]["state"] == "running"
        assert away["figures"] is not None

        database.enter_context(mariadb_server(tmp_path / "sql", server.port))
        wait_until("back", lambda: told()["log_available"] is True, 60)
        assert told()["canary"] == before["canary"]
