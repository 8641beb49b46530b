"""Languages, the demo banner, small screens, and what must hold for every eye and finger."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample, wait_for_models

SMALL = {"width": 320, "height": 568}
MIN_TAP_PX = 44


def test_the_demo_checkpoint_is_named_as_such(open_page: OpenPage) -> None:
    page = open_page(before=wait_for_models)
    banner = page.locator("#demo-banner").filter(visible=True)
    expect(banner).to_contain_text("演示模型")
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    expect(banner).to_have_count(1)
    page.click("#language")
    expect(banner).to_contain_text("outside its training")


def test_another_model_has_no_demo_banner(open_page: OpenPage) -> None:
    model = {"id": "shopsight", "object": "model", "model_revision": "v1.0-qwen3vl8b"}
    body = json.dumps({"object": "list", "data": [model]})
    page = open_page(
        before=lambda page: page.route("**/v1/models", lambda route: route.fulfill(body=body))
    )
    expect(page.locator("#demo-banner")).to_be_hidden()


@pytest.mark.parametrize(
    ("locale", "tag", "headline"),
    [
        ("zh-CN", "zh-CN", "拍下它"),
        ("zh-TW", "zh-CN", "拍下它"),
        ("en-GB", "en", "Snap it"),
        ("fr", "en", "Snap it"),
    ],
)
def test_the_browsers_language_is_met(
    open_page: OpenPage, locale: str, tag: str, headline: str
) -> None:
    page = open_page(locale=locale)
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.locator("h2").first).to_contain_text(headline)


def test_the_toggle_changes_every_word_at_once_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    page.click("#language")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(exchange.locator(".timing")).to_contain_text("Answered in")
    expect(page.locator("#send")).to_have_attribute("aria-label", "Ask")
    expect(page.locator("#question")).to_have_attribute("placeholder", "Ask about this item…")
    expect(page.locator("#photo")).not_to_have_attribute("alt", "")
    assert page.locator(".chip", has_text="吗").count() == 0
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_toggle_works_where_storage_is_forbidden(open_page: OpenPage) -> None:
    forbid = """Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("denied", "SecurityError"); } })"""
    page = open_page(before=lambda page: page.add_init_script(forbid))
    page.click("#language")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_no_word_is_missing_in_either_language(open_page: OpenPage) -> None:
    zh, en = open_page().evaluate(
        """async () => {
          const shape = (text) => (text.match(/\\{\\w+\\}/g) ?? []).sort().join();
          const tongues = ["zh", "en"].map((tongue) => import(`./words/${tongue}.js`));
          return (await Promise.all(tongues)).map(({ words }) =>
            Object.entries(words).map(([key, text]) => [key, text !== "", shape(text)]));
        }"""
    )
    assert zh == en


def _overflow(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_the_smallest_phone(
    open_page: OpenPage, locale: str, scheme: str
) -> None:
    page = open_page(locale=locale, viewport=SMALL, color_scheme=scheme)
    assert _overflow(page) <= 0
    choose_sample(page)
    assert _overflow(page) <= 0
    expect(page.locator("#send")).to_be_in_viewport()
    ask_and_wait(page, "https://" + "long" * 30)
    assert _overflow(page) <= 0
    page.evaluate("document.documentElement.style.fontSize = '200%'")  # large text
    assert _overflow(page) <= 0


def test_whatever_can_be_tapped_is_large_enough(open_page: OpenPage) -> None:
    page = open_page(viewport=SMALL, has_touch=True, is_mobile=True)

    def small() -> list[str]:
        found: list[str] = page.evaluate(
            """(least) => [...document.querySelectorAll("button, textarea, a")].filter((each) => {
              const { width, height } = each.getBoundingClientRect();
              return width > 0 && (width < least || height < least);
            }).map((each) => each.outerHTML)""",
            MIN_TAP_PX,
        )
        return found

    assert small() == []
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    assert small() == []
    page.click("#change")
    assert small() == []


_SHIFTS = """window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });"""


def test_nothing_moves_while_the_page_loads(open_page: OpenPage) -> None:
    def watch(page: Page) -> None:
        wait_for_models(page)
        page.add_init_script(_SHIFTS)

    page = open_page(before=watch)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)  # the tag has stopped swaying
    assert page.evaluate("window.shifted") < 0.01
    expect(page.locator("#demo-banner")).to_be_visible()


@pytest.mark.parametrize(("denied", "banner"), [(False, "#demo-banner"), (True, "#closed-banner")])
def test_what_the_api_tells_late_is_shown_with_the_next_press(
    open_page: OpenPage, denied: bool, banner: str
) -> None:
    held: list[Route] = []

    def hold(page: Page) -> None:
        page.route("**/v1/models", lambda route: held.append(route))
        page.add_init_script(_SHIFTS)

    page = open_page(before=hold, expects=("401",))
    page.wait_for_timeout(1500)
    with page.expect_response("**/v1/models") as answer:
        held[0].fulfill(status=401, json={"error": {}}) if denied else held[0].continue_()
    answer.value.finished()
    page.wait_for_timeout(500)
    expect(page.locator(banner)).to_be_hidden()
    assert page.evaluate("window.shifted") < 0.01
    choose_sample(page)
    expect(page.locator(banner)).to_be_visible()


def test_reduced_motion_stops_every_animation(open_page: OpenPage) -> None:
    page = open_page(reduced_motion="reduce")
    choose_sample(page)
    assert page.evaluate("document.getAnimations().length") == 0


def test_every_control_and_picture_has_a_name(open_page: OpenPage) -> None:
    page = open_page()
    nameless = """[...document.querySelectorAll("button, textarea, input, img")].filter((each) =>
      each.offsetParent && !(each.getAttribute("aria-label") || each.textContent.trim()
        || each.hasAttribute("alt") || each.querySelector("img[alt]:not([alt=''])")))
      .map((each) => each.outerHTML)"""
    assert page.evaluate(nameless) == []
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    assert page.evaluate(nameless) == []
