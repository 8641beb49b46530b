"""Takes the README's pictures of the page: `python -m tests.browser.screenshots URL`. Behind it
`last-hour`: of the administration's page at that address."""

import sys
from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGS, PATIENCE, PHONE, chromium_path
from tests.browser.shopper import choose_sample
from tests.support import ROOT

FOLDER = ROOT / "docs" / "img"
DESK = {"width": 1280, "height": 800}


def take(browser: Browser, url: str, name: str, viewport: dict[str, int], questions: int) -> None:
    page = browser.new_page(locale="zh-CN", viewport=viewport, reduced_motion="reduce")
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_selector("body:not([data-settling])")
    choose_sample(page)
    for number in range(questions):
        page.locator(".chip").nth(number).click()
        page.locator('.exchange[data-state="done"]').nth(number).wait_for()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    keep(page.screenshot(), name)
    page.close()


def take_last_hour(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK, color_scheme="light")
    page.goto(url)
    page.locator(".card").first.wait_for()
    keep(page.screenshot(), "last-hour")
    page.close()


def keep(screenshot: bytes, name: str) -> None:
    # 256 colours: a third of the size, and no eye sees it.
    picture = Image.open(BytesIO(screenshot)).convert("RGB").quantize(256, kmeans=4)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def main(url: str, *which: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        if "last-hour" in which:
            take_last_hour(browser, url)
        else:
            take(browser, url, "page-phone", PHONE, 1)
            take(browser, url, "page-desktop", DESK, 2)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
