"""The administration's page in Chromium: it draws the last hour, in light and in dark, and asks
nobody else."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.asking import chat, photo, post
from tests.support.servers import Server, gateway_process
from tests.support.stub_process import stub_process


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gateway")
    with (
        stub_process(folder) as stub,
        gateway_process(folder, REPLICAS=stub.url, ADMIN_TOKEN="secret") as server,
    ):
        for _ in range(3):
            assert post(server.url, chat("What is it?", photo())).status_code == 200
        yield server


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_last_hour_is_drawn(open_page: OpenPage, gateway: Server, scheme: str) -> None:
    site = gateway.admin.removesuffix("/admin")
    page = open_page(site=site, color_scheme=scheme, expects=("401",))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#figures")).to_be_hidden()
    page.get_by_label("Administration token").fill("secret")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".card")).to_have_count(8)
    expect(page.locator("#login")).to_be_hidden()
    expect(page.locator("#state")).to_contain_text("Minute by minute until")
    expect(page.locator(".card", has_text="Replicas ready").locator("output")).to_have_text("1")
    expect(page.locator("#revisions td").first).to_have_text("stub-1")
    assert page.locator("svg polyline").count() >= 4
    assert Axe().run(page).violations_count == 0
    assert asked
    assert all(url.startswith(site) for url in asked)
