"""`make page-bench`: the shopper's page on a slow phone, in a throttled Chromium against the
embedded default. The last line is `RESULT {json}`."""

import argparse
import io
import json
import os
import random
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from contract.process.home import PROJECT
from gateway.cli.embedded import embedded_stack
from tests.browser.conftest import ARGS, PATIENCE, chromium_path
from tests.support.limits import ROOMY

# A cheap Android phone at the edge of a cell: docs/decisions/0150 says what is measured.
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
BYTES_PER_S = 400_000 / 8
LATENCY_MS = 400
CPU_SLOWDOWN = 4
# The page is quiet once nothing has come for this long, in ms.
QUIET_MS = 2_500
# 12 megapixels, as phones write them.
CAMERA = (4000, 3000)
# Parts of axe-core's rules that are held: WCAG 2.2 at A and AA, and its best practices.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Times in the page itself, in ms: Playwright's own way to it would be part of them.
_CLOCK = """
window.clock = {};
const seen = (name) => { clock[name] ??= performance.now(); };
addEventListener("change", (event) => event.target.id === "photo-file" && seen("chosen"), true);
addEventListener("click", (event) => event.target.closest?.(".chip") && seen("asked"), true);
const look = () => {
  const photo = document.getElementById("photo");
  if (photo?.naturalWidth && photo.offsetParent) seen("preview");
  if (document.querySelector(".answer")?.textContent) seen("words");
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@dataclass
class Traffic:
    """What a page has fetched, as DevTools counts it: bytes with heads, as they came."""

    requests: dict[str, str] = field(default_factory=dict)
    received: dict[str, float] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.on("Network.requestWillBeSent", self._sent)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.on("Network.loadingFailed", self._finished)
        conditions = {"offline": False, "latency": LATENCY_MS}
        conditions |= {"downloadThroughput": BYTES_PER_S, "uploadThroughput": BYTES_PER_S}
        devtools.send("Network.emulateNetworkConditions", conditions)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})

    def _sent(self, event: dict[str, Any]) -> None:
        url = event["request"]["url"]
        if url.startswith("http"):
            self.requests[event["requestId"]] = url

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests:
            self.received[event["requestId"]] = event.get("encodedDataLength", 0)

    def of_the_page(self) -> list[tuple[str, float]]:
        """Address and bytes of each request but for the upload of the shopper's own photo."""
        return [
            (url, self.received.get(number, 0))
            for number, url in self.requests.items()
            if not url.endswith("/v1/images")
        ]


def camera_photo(seed: int) -> bytes:
    """A sample photo as large as a camera's, with a grain that no other has: nobody's answer is in
    the answer cache."""
    files = sorted((PROJECT / "web" / "samples").glob("*.jpg"))
    picture = Image.open(files[seed % len(files)]).convert("RGB").resize(CAMERA)
    width, height = CAMERA[0] // 2, CAMERA[1] // 2
    grain = random.Random(seed).randbytes(width * height)
    noise = Image.frombytes("L", (width, height), grain).resize(CAMERA).convert("RGB")
    file = io.BytesIO()
    Image.blend(picture, noise, 0.08).save(file, "JPEG", quality=88)
    return file.getvalue()


def open_page(browser: Browser, url: str, traffic: Traffic | None, **options: Any) -> Page:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE * 2)
    page.add_init_script(_CLOCK)
    if traffic:
        traffic.watch(page)
    page.goto(url)
    page.wait_for_selector("body:not([data-settling])")
    return page


def wait_until_quiet(page: Page, traffic: Traffic) -> None:
    before = -1
    while before != len(traffic.requests) or len(traffic.received) < before:
        before = len(traffic.requests)
        page.wait_for_timeout(QUIET_MS)


def wait_for(page: Page, mark: str) -> None:
    """Not `wait_for_function`, which the page's policy forbids to evaluate a text."""
    while not page.evaluate(f"clock.{mark}"):
        page.wait_for_timeout(50)


def choose(page: Page, photo: bytes) -> None:
    file: Any = {"name": "IMG_0042.jpg", "mimeType": "image/jpeg", "buffer": photo}
    page.set_input_files("#photo-file", file)
    wait_for(page, "preview")


def wait_for_card(page: Page, traffic: Traffic) -> None:
    """Until the page has asked for a product card, which the demo checkpoint writes for seconds."""
    while not any(url.endswith("/v1/products/card") for url in traffic.requests.values()):
        page.wait_for_timeout(20)


def one_visit(
    browser: Browser, url: str, seed: int, *, lingers: bool, verbose: bool
) -> dict[str, float]:
    """A first visit: the page has all it wants, a photo is taken, and the first suggestion is
    tapped as soon as it is there; or, by who `lingers`, while a card is being written."""
    traffic = Traffic()
    phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    page = open_page(browser, url, traffic, locale="zh-CN", **phone)
    uploads: list[int] = []
    page.on(
        "request",
        lambda sent: (
            uploads.append(int(sent.all_headers().get("content-length", 0)))
            if sent.url.endswith("/v1/images")
            else None
        ),
    )
    settled = page.evaluate("performance.now()")
    wait_until_quiet(page, traffic)
    choose(page, camera_photo(seed))
    if lingers:
        wait_for_card(page, traffic)
    fetched = traffic.of_the_page()
    if verbose:
        for address, size in sorted(fetched, key=lambda each: -each[1]):
            print(f"{size / 1000:8.1f} KB  {address.removeprefix(url)}")
    page.locator(".chip").first.tap()
    wait_for(page, "words")
    clock = page.evaluate("clock")
    page.context.close()
    return {
        "bytes_before_question": sum(size for _, size in fetched),
        "requests_before_question": len(fetched),
        "photo_bytes": max(uploads, default=0),
        "shown_s": settled / 1000,
        "preview_s": (clock["preview"] - clock["chosen"]) / 1000,
        "first_words_s": (clock["words"] - clock["asked"]) / 1000,
    }


def both_visits(browser: Browser, url: str, seed: int, *, verbose: bool) -> dict[str, float]:
    """That of who asks at once, and `card_…` of who has waited until there is a card under way."""
    at_once = one_visit(browser, url, 2 * seed, lingers=False, verbose=verbose)
    later = one_visit(browser, url, 2 * seed + 1, lingers=True, verbose=verbose)
    names = ("bytes_before_question", "requests_before_question", "first_words_s")
    return at_once | {f"card_{name}": later[name] for name in names}


def violations(page: Page, state: str) -> int:
    """How many of axe-core's rules the page breaks now."""
    options = {"resultTypes": ["violations"], "runOnly": RULES}
    found = Axe().run(page, options=options).response["violations"]
    for rule in found:
        places = [node["target"] for node in rule["nodes"]]
        print(f"axe {state}: {rule['id']} ({rule['impact']}): {rule['help']} {places[:3]}")
    return len(found)


def all_violations(browser: Browser, url: str) -> int:
    """Over languages, colours and sizes, and in each: picking, asking, answered, failed."""
    count, photo = 0, camera_photo(1)
    for locale, scheme, size in (
        ("zh-CN", "light", PHONE),
        ("en-US", "dark", PHONE),
        ("zh-CN", "dark", DESK),
        ("en-US", "light", DESK),
    ):
        options: dict[str, Any] = {"locale": locale, "color_scheme": scheme, "viewport": size}
        page = open_page(browser, url, None, reduced_motion="reduce", **options)
        state = f"{locale} {scheme} {size['width']} px"
        count += violations(page, f"{state}, picking")
        choose(page, photo)
        count += violations(page, f"{state}, asking")
        page.locator(".chip").first.click()
        page.wait_for_selector('.exchange[data-state="done"]')
        count += violations(page, f"{state}, answered")
        page.context.set_offline(True)
        page.locator(".chip").last.click()
        page.wait_for_selector('.exchange[data-state="failed"]')
        count += violations(page, f"{state}, failed")
        page.context.close()
    return count


def axe_is_alive(browser: Browser) -> bool:
    """It finds what is planted: a picture without words and a button without a name."""
    page = browser.new_page()
    page.set_content("<main><h1>x</h1><img src='data:,'><button></button></main>")
    found = {rule["id"] for rule in Axe().run(page).response["violations"]}
    page.close()
    return {"image-alt", "button-name"} <= found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-page-") as folder,
        embedded_stack(Path(folder), **ROOMY) as stack,
        sync_playwright() as playwright,
    ):
        sandbox = os.geteuid() != 0
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=ARGS, chromium_sandbox=sandbox
        )
        if not axe_is_alive(browser):
            raise SystemExit("axe-core finds nothing, not even what is planted")
        visits = [
            both_visits(browser, f"{stack.url}/", seed, verbose=seed == 0)
            for seed in range(args.rounds)
        ]
        broken = all_violations(browser, f"{stack.url}/")
        browser.close()
    result = {
        name: round(statistics.median(visit[name] for visit in visits), 2) for name in visits[0]
    }
    print("RESULT " + json.dumps(result | {"axe_violations": broken}))


if __name__ == "__main__":
    main()
