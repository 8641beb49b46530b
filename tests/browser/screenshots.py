"""Takes the README's pictures of the page: `python -m tests.browser.screenshots URL`."""

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
    picture = Image.open(BytesIO(page.screenshot()))
    # 256 colours: a third of the size, and no eye sees it.
    picture.convert("RGB").quantize(256, kmeans=4).save(FOLDER / f"{name}.png", optimize=True)
    page.close()


def main(url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        take(browser, url, "page-phone", PHONE, 1)
        take(browser, url, "page-desktop", DESK, 2)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
