"""The administration's port shows the last hour: figures behind its token, a page before it."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.asking import chat, photo, post
from tests.support.servers import gateway_process, wait_until
from tests.support.stub_process import stub_process


def root(admin: str) -> str:
    return admin.removesuffix("/admin")


def test_the_last_hour_is_that_of_the_gateway(tmp_path: Path) -> None:
    with (
        stub_process(tmp_path) as stub,
        gateway_process(tmp_path, REPLICAS=stub.url, REVISION_WEIGHTS="stub-1=1") as gateway,
    ):
        for _ in range(4):
            assert post(gateway.url, chat("What is it?", photo())).status_code == 200
        assert post(gateway.url, {"prompt": "?"}).status_code == 400
        stub.behave(behaviour="500")
        assert post(gateway.url, chat("And who made it?", photo())).status_code == 502
        told = httpx.get(f"{gateway.admin}/last-hour").json()
        minutes = told["minutes"]
        assert sum(minute["requests"] for minute in minutes) == 6
        assert sum(minute["failed"] for minute in minutes) == 1
        assert max(minute["from_cache"] or 0 for minute in minutes) > 0.5
        assert any(minute["p99_ms"] for minute in minutes)
        assert minutes[-1]["replicas"].keys() == {"ready", "ejected", "down"}
        (revision,) = told["revisions"]
        assert (revision["revision"], revision["weight"]) == ("stub-1", 1)
        assert (revision["requests"], revision["failed"]) == (5, 1)
        assert revision["p99_ms"]

        page = httpx.get(root(gateway.admin))
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert httpx.get(f"{gateway.url}/admin/last-hour").status_code == 404


@pytest.mark.long
def test_a_canary_is_told_with_the_last_hour(tmp_path: Path) -> None:
    with (
        stub_process(tmp_path, revision="old") as old,
        stub_process(tmp_path, revision="new") as new,
        gateway_process(
            tmp_path, REPLICAS=f"{old.url},{new.url}", REVISION_WEIGHTS="old=1"
        ) as gateway,
    ):

        def told() -> dict[str, Any]:
            found: dict[str, Any] = httpx.get(f"{gateway.admin}/last-hour").json()["canary"]
            return found

        assert (told()["canary"], told()["figures"], told()["log"]) == (None, None, [])
        start = {"candidate": "new", "share": 0.5, "by": "lin"}
        wait_until(
            "started", lambda: httpx.post(f"{gateway.admin}/canary", json=start).is_success, 20
        )
        new.behave(behaviour="500")
        statuses = {
            post(gateway.url, chat("What is it?", photo(), user=f"user-{n}")).status_code
            for n in range(16)
        }
        assert statuses == {200, 502}
        wait_until("counted", lambda: candidate(told())["failed"] > 0, 30)
        running = told()
        assert (running["canary"]["state"], running["canary"]["candidate"]) == ("running", "new")
        assert running["weights"] == {"old": 0.5, "new": 0.5}
        assert running["figures"]["baseline_figures"]["failed"] == 0
        assert running["figures"]["evidence"].keys() == {"errors", "slow", "thumbs"}
        assert running["log_available"] is True
        httpx.post(f"{gateway.admin}/canary/rollback", json={"by": "lin"}).raise_for_status()
        wait_until("told", lambda: told()["canary"]["state"] == "rolled back", 20)
        assert [(each["action"], each["actor"]) for each in told()["log"]] == [
            ("started", "ops:lin"),
            ("rolled back", "ops:lin"),
        ]
        assert candidate(told())["failed"] == candidate(running)["failed"]


def candidate(told: dict[str, Any]) -> dict[str, int]:
    figures: dict[str, int] = (told["figures"] or {}).get("candidate_figures", {"failed": 0})
    return figures


def test_figures_need_the_token_and_the_page_does_not(tmp_path: Path) -> None:
    settings = {"ADMIN_TOKEN": "secret"}
    with (
        stub_process(tmp_path) as stub,
        gateway_process(tmp_path, REPLICAS=stub.url, **settings) as server,
    ):
        gateway = root(server.admin)
        assert httpx.get(f"{gateway}/admin/last-hour").status_code == 401
        wrong = {"authorization": "Bearer wrong"}
        assert httpx.get(f"{gateway}/admin/last-hour", headers=wrong).status_code == 401
        right = {"authorization": "Bearer secret"}
        assert httpx.get(f"{gateway}/admin/last-hour", headers=right).status_code == 200
        page = httpx.get(gateway).text
        for name in re.findall(r'(?:src|href)="([\w.]+)"', page):
            assert httpx.get(f"{gateway}/{name}").status_code == 200
