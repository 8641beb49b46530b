"""The administration's port shows the last hour: figures behind its token, a page before it."""

import re
from pathlib import Path

import httpx

from tests.support.asking import chat, photo, post
from tests.support.servers import gateway_process
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
