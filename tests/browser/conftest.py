"""A real Chromium and pages in it that fail their test on any console error or CSP violation."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Route,
    expect,
    sync_playwright,
)

from tests.browser import wire
from tests.support.missing import missing

# What the page must live with in production; added here whatever the server under test sends.
STRICT_CSP = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# The first takes half of the CPU of the others: it has no windows that it could show.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUMS += ("google-chrome", "google-chrome-stable")
ARGS = [
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # It would start a second process for each page, to have one ready.
    "--disable-features=SpareRendererForSitePerProcess",
]
# Chromium drops what is loading, loopback too, whenever Docker on the same machine adds or removes
# a container's interface; no switch of it prevents that, so the page is then loaded again.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
# What Playwright itself says where a test does without service workers.
NO_WORKERS = "Service Worker registration blocked by Playwright"
LOADS = 3
PHONE = {"width": 390, "height": 844}
# The demo checkpoint answers within seconds on two busy cores; ms.
PATIENCE = 60_000

OpenPage = Callable[..., Page]


def chromium_path() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Per package, since Playwright's loop would disturb the asyncio tests of others."""
    path = chromium_path()
    if path is None:
        missing("no chromium or google-chrome on PATH: the page's tests are left out")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=path, args=ARGS, chromium_sandbox=os.geteuid() != 0
            )
        except Error as error:
            missing(f"chromium does not start: {error.message[:500]}")
        yield browser
        browser.close()


def no_cards(page: Page) -> None:
    wire.answer_cards(page, wire.NOTHING_KNOWN)


class Contexts:
    """A browser context for each set of options, emptied after each test.

    Each keeps a page of its own open: another page of the same site then shares its renderer, whose
    start is half of what a page in a new context costs.
    """

    def __init__(self, browser: Browser, site: str) -> None:
        self._browser, self.site = browser, site
        self._made: dict[str, BrowserContext] = {}

    def with_options(self, **options: Any) -> BrowserContext:
        """Without service workers unless they are asked for: they answer for other tests' pages,
        and Chromium's offline mode now and then waits for them for ever."""
        options.setdefault("service_workers", "block")
        key = repr(sorted(options.items()))
        if key not in self._made:
            context = self._made[key] = self._browser.new_context(**options)
            context.new_page().goto(f"{self.site}/icon.svg")
        return self._made[key]

    def clear(self) -> None:
        for key in [key for key in self._made if "'service_workers', 'allow'" in key]:
            self._made.pop(key).close()
        for context in self._made.values():
            kept, *others = context.pages
            for page in others:
                page.close()
            context.set_offline(False)
            context.clear_cookies()
            context.clear_permissions()
            devtools = context.new_cdp_session(kept)
            devtools.send("Network.clearBrowserCache")
            devtools.send(
                "Storage.clearDataForOrigin", {"origin": self.site, "storageTypes": "all"}
            )
            devtools.detach()


@pytest.fixture(scope="package")
def contexts(chromium: Browser, request: pytest.FixtureRequest) -> Contexts:
    # Asked for here, so that without a Chromium nothing is started before the skip.
    return Contexts(chromium, request.getfixturevalue("embedded_stack").url)


@pytest.fixture
def open_page(contexts: Contexts) -> Iterator[OpenPage]:
    """`open_page(locale=…, viewport=…, before=…, expects=…)` → the page, loaded and settled.

    `before(page)` runs ahead of the load; `expects` names the console errors that a test provokes.
    `site`: another way to the same server. `cards(page)`: what answers the page's requests for
    product cards; nothing is known by default, as each costs the demo checkpoint seconds.
    """
    complaints: list[str] = []

    def with_strict_csp(route: Route) -> None:
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": STRICT_CSP}
        route.fulfill(response=response, headers=headers)

    def open_(
        locale: str = "zh-CN",
        viewport: dict[str, int] = PHONE,
        before: Callable[[Page], object] | None = None,
        expects: tuple[str, ...] = (),
        site: str | None = None,
        cards: Callable[[Page], object] = no_cards,
        **options: Any,
    ) -> Page:
        address = f"{site or contexts.site}/"

        def complain(text: str) -> None:
            if not any(expected in text for expected in (*expects, NO_WORKERS)):
                complaints.append(text)

        page = contexts.with_options(locale=locale, **options).new_page()
        page.set_viewport_size(viewport)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on(
            "console",
            lambda said: complain(said.text) if said.type in ("error", "warning") else None,
        )
        page.route(address, with_strict_csp)
        cards(page)
        if before:
            before(page)
        for _ in range(LOADS):
            page.goto(address)
            page.wait_for_selector("body:not([data-settling])")
            if NETWORK_CHANGED not in "".join(complaints):
                break
            complaints.clear()
        page.unroute(address)  # routing hides the headers of uploads
        return page

    yield open_
    contexts.clear()
    assert [text for text in complaints if NETWORK_CHANGED not in text] == []
