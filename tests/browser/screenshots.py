"""`make page-pictures`: the page's states, its icons and its animation, and administration's page,
from a real stack and a real Chromium. Pictures go to docs/img, icons to web."""

import argparse
import base64
import os
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from gateway.cli.embedded import embedded_stack
from tests.browser import hour, wire
from tests.browser.animation import animate
from tests.browser.conftest import ARGS, PATIENCE, chromium_path
from tests.browser.states import STATES, State
from tests.support import ROOT
from tests.support.limits import ROOMY

FOLDER = ROOT / "docs" / "img" / "page"
WEB = ROOT / "web"
PHONE, LANDSCAPE, DESK = (
    {"width": 360, "height": 740},
    {"width": 740, "height": 360},
    {"width": 1280, "height": 800},
)
LOCALES = ("zh-CN", "en-US")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# On a sheet, in pixels: phones side by side as they are, then two in a row.
GAP = 12
WIDTH = 4 * PHONE["width"] + 3 * GAP
QUALITY = 45
# An icon's background, and how much of a maskable one is the picture: all masks show its middle.
PAPER = "#f3f6f3"
SAFE = 0.62


def shots(
    browser: Browser, url: str, state: State, locale: str, sizes: list[dict[str, int]]
) -> list[list[Image.Image]]:
    """One visit: for each size the picture in each scheme."""
    touch = DESK not in sizes
    options: dict[str, Any] = {"has_touch": touch, "is_mobile": touch, "reduced_motion": "reduce"}
    context = browser.new_context(
        locale=locale, viewport=sizes[0], service_workers="block", **options
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wire.answer_cards(page)
    state.before(page)
    page.goto(url)
    page.wait_for_selector("body:not([data-settling])")
    page.locator("#samples").scroll_into_view_if_needed()
    page.locator(".sample").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    state.reach(page, locale[:2])
    page.mouse.move(0, 0)
    found: list[list[Image.Image]] = []
    for size in sizes:
        page.set_viewport_size(size)
        page.evaluate("(end) => scrollTo(0, end ? document.body.scrollHeight : 0)", state.at_end)
        page.wait_for_timeout(200)  # style sheets of what has just come
        found.append([])
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found[-1].append(Image.open(BytesIO(page.screenshot())).convert("RGB"))
    page.unroute_all(behavior="ignoreErrors")  # of questions that are never answered
    context.close()
    return found


def rows(pictures: list[Image.Image], columns: int) -> Iterable[list[Image.Image]]:
    width = (WIDTH - (columns - 1) * GAP) // columns
    height = round(pictures[0].height * width / pictures[0].width)
    fitting = [each.resize((width, height), Image.Resampling.LANCZOS) for each in pictures]
    return [fitting[at : at + columns] for at in range(0, len(fitting), columns)]


def sheet(browser: Browser, url: str, state: State) -> None:
    """All looks of a state: phones upright, on their side, desktops."""
    visits = [
        [
            *shots(browser, url, state, locale, [PHONE, LANDSCAPE]),
            *shots(browser, url, state, locale, [DESK]),
        ]
        for locale in LOCALES
    ]
    lines: list[list[Image.Image]] = []
    for place, columns in enumerate((4, 2, 2)):
        lines += rows([picture for visit in visits for picture in visit[place]], columns)
    height = sum(line[0].height for line in lines) + (len(lines) - 1) * GAP
    whole = Image.new("RGB", (WIDTH, height), "#808080")
    top = 0
    for line in lines:
        for place, picture in enumerate(line):
            whole.paste(picture, (place * (picture.width + GAP), top))
        top += line[0].height + GAP
    whole.save(FOLDER / f"{state.name}.webp", quality=QUALITY, method=6)


def index() -> str:
    """docs/img/README.md: the pictures with their titles."""
    parts = [
        "# The page, state by state",
        "`make page-pictures` makes these pictures, the animation and the app's icons: a real"
        " Chromium before the embedded default with the demo checkpoint. Each sheet has a phone"
        " upright, a phone on its side and a desktop, each in Chinese and English, light and dark."
        " Product cards, limits and silence are put there at the wire (`tests/browser/states.py`).",
        "![The page in use](page.webp)",
    ]
    for state in STATES:
        parts.append(f"## {state.title}")
        parts.append(f"![{state.title}](page/{state.name}.webp)")
    parts += [
        "## The last hour of a gateway, with a canary",
        "Administration's page: desktop and phone, light and dark. Its requests are invented"
        " (`tests/browser/hour.py`), what is told of them is counted and judged as always.",
        "![The last hour of a gateway](page/last-hour.webp)",
    ]
    return "\n\n".join(parts) + "\n"


def icons(browser: Browser) -> None:
    data = base64.b64encode((WEB / "icon.svg").read_bytes()).decode()
    for name, side, share in (
        ("icon-192", 192, 1.0),
        ("icon-512", 512, 1.0),
        ("icon-maskable", 512, SAFE),
    ):
        page = browser.new_page(viewport={"width": side, "height": side})
        page.set_content(
            f"<style>body {{ margin: {side * (1 - share) / 2}px; }}"
            f"{f'html {{ background: {PAPER}; }}' if share < 1 else ''}</style>"
            f"<img width={side * share} src='data:image/svg+xml;base64,{data}'>"
        )
        picture = Image.open(BytesIO(page.screenshot(omit_background=True))).convert("RGBA")
        few = picture.quantize(64, method=Image.Quantize.FASTOCTREE)
        few.save(WEB / f"{name}.png", optimize=True)
        page.close()


def last_hour(browser: Browser, url: str, token: str) -> None:
    """Administration's page with an invented hour: a desktop and a phone, light and dark."""
    told = hour.last_hour()
    desks, phones = (hour_shot(browser, url, token, told, size) for size in (DESK, PHONE))
    beside(desks, phones).save(FOLDER / "last-hour.webp", quality=QUALITY, method=6)
    # 256 colours: a third of the size, and no eye sees it.
    picture = desks[0].quantize(256, kmeans=4)
    picture.save(FOLDER.parent / "last-hour.png", optimize=True)


def beside(desks: list[Image.Image], phones: list[Image.Image]) -> Image.Image:
    """Desktops one above the other, as high as the phones at their right."""
    height = max(phone.height for phone in phones)
    each = (height - GAP * (len(desks) - 1)) // len(desks)
    width = round(desks[0].width * each / desks[0].height)
    size = (width + sum(GAP + phone.width for phone in phones), height)
    whole = Image.new("RGB", size, "#808080")
    for place, desk in enumerate(desks):
        fitting = desk.resize((width, each), Image.Resampling.LANCZOS)
        whole.paste(fitting, (0, place * (each + GAP)))
    for place, phone in enumerate(phones):
        whole.paste(phone, (width + GAP + place * (phone.width + GAP), 0))
    return whole


def hour_shot(
    browser: Browser, url: str, token: str, told: dict[str, Any], size: dict[str, int]
) -> list[Image.Image]:
    """The whole page in each scheme."""
    page = browser.new_page(viewport=size)
    page.route(
        "**/admin/last-hour",
        lambda route: (
            route.fulfill(json=told)
            if route.request.headers.get("authorization") == f"Bearer {token}"
            else route.continue_()
        ),
    )
    page.goto(url)
    page.get_by_label("Administration token").fill(token)
    page.get_by_role("button", name="Show").click()
    page.locator(".card").first.wait_for()
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        shot = page.screenshot(full_page=True)
        found.append(Image.open(BytesIO(shot)).convert("RGB"))
    page.unroute_all(behavior="ignoreErrors")
    page.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="*", help="states, or `icons`, `last-hour`, `animation`, `index`"
    )
    only = parser.parse_args().only
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-pictures-") as folder,
        embedded_stack(Path(folder), **ROOMY) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=ARGS, chromium_sandbox=os.geteuid() != 0
        )
        if not only or "icons" in only:
            icons(browser)
        for state in STATES:
            if not only or state.name in only:
                sheet(browser, f"{stack.url}/", state)
        if not only or "last-hour" in only:
            last_hour(browser, stack.admin_url, (stack.data / "admin_token").read_text())
        if not only or "animation" in only:
            animate(browser, f"{stack.url}/", FOLDER.parent / "page.webp")
        browser.close()
    (FOLDER.parent / "README.md").write_text(index(), encoding="utf-8")


if __name__ == "__main__":
    main()
