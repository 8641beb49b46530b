"""The page in use, for the README: a real run on the demo checkpoint, as an animated picture."""

import base64
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, CDPSession, Locator, Page

from tests.browser.conftest import PATIENCE
from tests.browser.shopper import choose_sample

SIZE = {"width": 360, "height": 740}
LENGTH_S = 20.0
FRAMES_PER_S = 10
QUALITY = 80
TYPED = "适合送给妈妈吗？"
KEY_MS = 140

# Where a finger taps, which the page itself does not show.
_FINGER = """([x, y]) => {
  const dot = document.createElement("div");
  Object.assign(dot.style, { position: "fixed", left: `${x - 18}px`, top: `${y - 18}px`,
    width: "36px", height: "36px", borderRadius: "50%", zIndex: 9, pointerEvents: "none",
    background: "rgb(208 84 60 / 55%)" });
  document.body.append(dot);
  setTimeout(() => dot.remove(), 450);
}"""


class Film:
    """What Chromium shows, frame by frame, since `start`."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._frames: list[tuple[float, bytes]] = []
        self._devtools.on("Page.screencastFrame", self._take)
        self._devtools.send("Page.startScreencast", {"format": "png"})
        self.start = time.time()

    def _take(self, event: dict[str, Any]) -> None:
        at = event["metadata"]["timestamp"] - self.start
        self._frames.append((at, base64.b64decode(event["data"])))
        self._devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def until(self, seconds: float) -> None:
        self._page.wait_for_timeout(max(0.0, self.start + seconds - time.time()) * 1000)

    def tap(self, target: Locator) -> None:
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None
        middle = [box["x"] + min(box["width"], 160) / 2, box["y"] + box["height"] / 2]
        self._page.evaluate(_FINGER, middle)
        self._page.wait_for_timeout(300)
        target.tap(position={"x": min(box["width"], 160) / 2, "y": box["height"] / 2})

    def save(self, path: Path) -> None:
        """At an even pace; what stays the same is one long frame."""
        pictures: list[Image.Image] = []
        durations: list[int] = []
        last = b""
        step = 1 / FRAMES_PER_S
        for number in range(round(LENGTH_S * FRAMES_PER_S)):
            shown = [data for at, data in self._frames if at <= number * step]
            data = shown[-1] if shown else self._frames[0][1]
            if data == last:
                durations[-1] += round(step * 1000)
                continue
            last = data
            pictures.append(Image.open(BytesIO(data)).convert("RGB"))
            durations.append(round(step * 1000))
        first, *others = pictures
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=durations,
            loop=0,
            quality=QUALITY,
            method=4,
            minimize_size=True,
        )


def animate(browser: Browser, url: str, path: Path) -> None:
    context = browser.new_context(
        locale="zh-CN", viewport=SIZE, has_touch=True, is_mobile=True, service_workers="block"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_selector("body:not([data-settling])")
    page.locator(".sample").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    done = page.locator('.exchange[data-state="done"]')
    film = Film(page)
    film.until(1.5)
    page.locator("#samples").scroll_into_view_if_needed()
    film.until(2.5)
    film.tap(page.locator(".sample").first)
    film.until(5.0)
    film.tap(page.locator(".chip").nth(2))
    done.first.wait_for()
    film.until(8.5)
    film.tap(page.locator("#question"))
    page.locator("#question").press_sequentially(TYPED, delay=KEY_MS)
    film.tap(page.locator("#send"))
    done.nth(1).wait_for()
    film.until(13.0)
    page.evaluate("scrollTo({ top: 0, behavior: 'smooth' })")
    film.until(14.0)
    film.tap(page.locator("#compare"))
    film.until(15.5)
    choose_sample(page, 4)
    film.until(17.5)
    film.tap(page.locator(".chip").nth(1))
    film.until(LENGTH_S)
    film.save(path)
    context.close()
