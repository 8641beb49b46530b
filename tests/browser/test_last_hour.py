"""The administration's page in Chromium: it draws the last hour, in light and in dark, and asks
nobody else."""

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.support.asking import chat, photo, post
from tests.support.servers import Server, gateway_process, wait_until
from tests.support.stub_process import stub_process


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gateway")
    with (
        stub_process(folder, revision="stub-1") as old,
        stub_process(folder, revision="stub-2") as new,
        gateway_process(
            folder,
            REPLICAS=f"{old.url},{new.url}",
            REVISION_WEIGHTS="stub-1=1",
            ADMIN_TOKEN="secret",
        ) as server,
    ):
        for _ in range(3):
            assert post(server.url, chat("What is it?", photo())).status_code == 200
        yield server


def show(page: Page) -> None:
    page.get_by_label("Administration token").fill("secret")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".card")).to_have_count(8)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_last_hour_is_drawn(open_page: OpenPage, gateway: Server, scheme: str) -> None:
    site = gateway.admin.removesuffix("/admin")
    page = open_page(site=site, color_scheme=scheme, expects=("401",))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#figures")).to_be_hidden()
    show(page)
    expect(page.locator("#login")).to_be_hidden()
    expect(page.locator("#state")).to_contain_text("Minute by minute until")
    expect(page.locator(".card", has_text="Replicas ready").locator("output")).to_have_text(
        re.compile("^[12]$")
    )
    figures = page.get_by_role("region", name="Revisions")
    old = figures.get_by_role("columnheader", name="stub-1")
    expect(old).to_be_visible()
    requests = figures.get_by_role("row", name="Requests 3", exact=True)
    expect(requests).to_be_visible()
    expect(page.locator("#canary")).to_be_hidden()  # there was none
    assert page.locator("svg polyline").count() >= 4
    assert Axe().run(page).violations_count == 0
    assert asked
    assert all(url.startswith(site) for url in asked)


def test_a_canary_is_shown_beside_its_baseline_until_an_hour_after_its_end(
    open_page: OpenPage, gateway: Server
) -> None:
    token = {"authorization": "Bearer secret"}
    admin = httpx.Client(base_url=gateway.admin, headers=token, timeout=20)
    start = {"candidate": "stub-2", "share": 0.5, "promote": True, "by": "lin"}
    wait_until("started", lambda: admin.post("/canary", json=start).is_success, 20)
    for number in range(8):
        asked = chat("What is it?", photo(), user=f"user-{number}")
        assert post(gateway.url, asked).status_code == 200

    def counted() -> bool:
        figures = admin.get("/last-hour").json()["canary"]["figures"]
        return bool(figures and figures["candidate_figures"]["requests"])

    wait_until("counted", counted, 30)
    page = open_page(site=gateway.admin.removesuffix("/admin"), expects=("401",))
    show(page)
    canary = page.locator("#canary")
    expect(canary).to_contain_text("stub-2 beside stub-1: running, 50.0 % of the callers")
    expect(canary).to_contain_text("promoted by itself after 6,000 requests")
    failed = canary.get_by_role("row", name="Requests that failed")
    expect(failed.get_by_role("cell").nth(1)).to_have_text(re.compile(r"0.of.[1-8] \(0\.0.%\)"))
    expect(canary.locator("#verdict")).to_contain_text("undecided")
    expect(canary.locator("#decisions")).to_contain_text("started by ops:lin")
    assert Axe().run(page).violations_count == 0

    admin.post("/canary/rollback", json={"by": "lin"}).raise_for_status()
    wait_until("told", lambda: admin.get("/last-hour").json()["canary"]["log"][1:], 20)
    page.reload()
    expect(canary).to_contain_text("stub-2 beside stub-1: rolled back.")
    expect(canary.locator("#decisions li").last).to_contain_text("rolled back by ops:lin")
    later = "const now = Date.parse; Date.parse = (text) => now(text) - 3_700_000;"
    page.add_init_script(later)
    page.reload()
    expect(page.locator(".card")).to_have_count(8)
    expect(canary).to_be_hidden()
