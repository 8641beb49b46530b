"""Sizes, inputs, languages and aids that a common phone does not show, and axe-core's rules."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample

LANDSCAPE = {"width": 740, "height": 360}
SMALL = {"width": 320, "height": 568}
SAMPLE = "web/samples/brown-leather-handbag.jpg"


def violations(page: Page) -> list[tuple[str, Any]]:
    found = Axe().run(page).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]


def test_axe_finds_what_is_planted(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert "button-name" in dict(violations(page))


@pytest.mark.parametrize(("locale", "scheme"), [("zh-CN", "light"), ("en-US", "dark")])
def test_axe_finds_nothing_in_any_state(open_page: OpenPage, locale: str, scheme: str) -> None:
    page = open_page(
        locale=locale, color_scheme=scheme, reduced_motion="reduce", expects=("Failed to load",)
    )
    assert violations(page) == []
    choose_sample(page)
    page.locator(".chip").nth(1).click()
    expect(page.locator(".exchange")).to_have_attribute("data-state", "done")
    page.locator(".exchange [data-vote=down]").click()
    expect(page.locator(".reason")).to_be_visible()
    assert violations(page) == []
    page.route("**/v1/ask", lambda route: route.fulfill(status=502, body=""), times=1)
    page.locator(".chip").nth(2).click()
    expect(page.locator(".exchange").last).to_have_attribute("data-state", "failed")
    page.fill("#question", "长" * 2001)
    assert violations(page) == []
    page.click("#crop")
    expect(page.locator(".crop-frame")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.click("#privacy")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    page.locator("[data-act=close]").click()
    page.click("#change")
    expect(page.locator("#shelf button")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_phone_on_its_side_shows_its_buttons(open_page: OpenPage, locale: str) -> None:
    page = open_page(locale=locale, viewport=LANDSCAPE, has_touch=True, is_mobile=True)
    for button in ("#take", "#choose"):
        expect(page.locator(button)).to_be_in_viewport(ratio=1)
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    for part in ("#question", "#send"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    expect(page.locator("#photo")).to_be_in_viewport(ratio=0.7)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_over_a_keyboard_an_upright_phone_shows_the_end_of_an_answer(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 360, "height": 310}, has_touch=True, is_mobile=True)
    choose_sample(page)
    composer = page.locator("#composer")
    assert composer.evaluate("(each) => each.offsetWidth === innerWidth")  # one column
    text = "这是一只棕色的手提包，看起来是皮革的，适合通勤和聚会。"
    wire.answer_with(page, wire.stream(wire.chunk(text), wire.chunk("", "stop"), wire.DONE))
    exchange = ask_and_wait(page, "这是什么？")
    expect(exchange.locator(".timing")).to_be_in_viewport(ratio=1)
    lowest = "(each) => each.getBoundingClientRect().bottom"
    answer = exchange.locator(".answer")
    expect(answer).to_be_in_viewport(ratio=1)
    foot = exchange.evaluate(lowest)
    assert foot <= composer.bounding_box()["y"]  # type: ignore[index]
    assert composer.evaluate(lowest) == 310  # and what stands below it takes no room


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
@pytest.mark.parametrize("width", [320, 360])
def test_text_of_twice_the_size_is_neither_clipped_nor_over_the_edge(
    open_page: OpenPage, locale: str, width: int
) -> None:
    page = open_page(
        locale=locale, viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True
    )
    # Ink may stand a little out of its line, without being cut.
    clipped = """() => [...document.querySelectorAll("button, p, h2, span")].filter((each) => {
      const { display, fontSize } = getComputedStyle(each);
      const ink = parseFloat(fontSize) / 2;
      return each.checkVisibility() && !each.matches(".unseen") && each.textContent.trim()
        && display !== "inline" && (each.scrollWidth > each.clientWidth + 1
        || each.scrollHeight > each.clientHeight + ink);
    }).map((each) => each.outerHTML)"""
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(clipped) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    choose_sample(page)
    page.locator(".chip").nth(1).click()
    expect(page.locator(".exchange")).to_have_attribute("data-state", "done")
    expect(page.locator(".timing")).to_be_visible()
    assert page.evaluate(clipped) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_focus_is_seen_in_forced_colours(open_page: OpenPage) -> None:
    page = open_page(forced_colors="active", viewport={"width": 1280, "height": 800})
    outline = "getComputedStyle(document.querySelector('{}')).outlineStyle"
    choose_sample(page)
    page.focus("#question")
    assert page.evaluate(outline.format(".entry")) == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_arabic_runs_from_the_right_and_is_named_as_such(open_page: OpenPage) -> None:
    page = open_page(locale="en-US")
    choose_sample(page)
    text = "الحقيبة من الجلد البني، بسعر 299 ريال"
    wire.answer_with(page, wire.stream(wire.chunk(text), wire.chunk("", "stop"), wire.DONE))
    exchange = ask_and_wait(page, "من أي مادة هذه الحقيبة؟")
    for part in (".question", ".answer"):
        expect(exchange.locator(part)).to_have_attribute("lang", "ar")
        expect(exchange.locator(part)).to_have_css("direction", "rtl")
    expect(exchange.locator(".answer")).to_have_css("border-right-width", "3px")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_text_longer_than_allowed_is_told_and_not_cut(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    page.fill("#question", "长" * 2001)
    expect(page.locator("#too-long")).to_contain_text("最多 2000 字，现在 2001 字")
    page.click("#send")
    expect(page.locator(".exchange")).to_have_count(0)
    assert len(page.input_value("#question")) == 2001
    page.fill("#question", "短了")
    expect(page.locator("#too-long")).to_be_hidden()
    page.fill("#question", "\u200b\u2060")  # of these the API would say that there is no question
    page.click("#send")
    expect(page.locator(".exchange")).to_have_count(0)


def test_a_part_of_the_photo_is_framed_by_finger_and_asked_about(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    choose_sample(page)
    whole = page.evaluate("[photo.naturalWidth, photo.naturalHeight]")
    page.click("#crop")
    cover = page.locator(".crop").bounding_box()
    assert cover is not None
    page.mouse.move(cover["x"] + cover["width"] * 0.1, cover["y"] + cover["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(cover["x"] + cover["width"] * 0.5, cover["y"] + cover["height"] * 0.8)
    page.mouse.up()
    page.get_by_role("button", name="只问这一处").click()
    expect(page.locator("#photo-name")).to_have_text("第 2 张照片")
    ask_and_wait(page, "这是什么？")
    part = wire.sent(page)[-1]
    assert abs(part["width"] - whole[0] * 0.4) < 12
    assert abs(part["height"] - whole[1] * 0.6) < 12


def test_the_frame_obeys_the_keyboard_and_can_be_given_up(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    page.click("#crop")
    frame = page.locator(".crop-frame")
    expect(frame).to_be_focused()
    before = frame.evaluate("(each) => each.style.left")
    page.keyboard.press("ArrowRight")
    assert frame.evaluate("(each) => each.style.left") != before
    page.keyboard.press("Escape")
    expect(frame).to_have_count(0)
    expect(page.locator("#crop")).to_be_focused()
    expect(page.locator("#photo-name")).not_to_have_text("第 2 张照片")
    page.click("#crop")
    page.set_input_files("#photo-file", SAMPLE)
    expect(page.locator("#photo-name")).to_have_text("第 2 张照片")
    expect(frame).to_have_count(0)


def test_the_photo_stays_as_a_thumbnail_while_the_conversation_scrolls(open_page: OpenPage) -> None:
    page = open_page(viewport=SMALL, has_touch=True, is_mobile=True)
    choose_sample(page)
    pinned = page.get_by_label("回到照片")
    ask_and_wait(page, "这是什么？")
    expect(page.locator(".question")).to_be_in_viewport()
    expect(pinned).to_be_hidden()  # it would stand over the question
    for _ in range(3):
        ask_and_wait(page, "这是什么？")
    expect(pinned).to_be_in_viewport()
    pinned.tap()
    expect(page.locator("#photo")).to_be_in_viewport()
    expect(pinned).to_be_hidden()


def test_changing_the_photo_can_be_cancelled(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    expect(page.locator("#cancel")).to_be_hidden()
    page.click("#change")
    page.click("#cancel")
    expect(page.locator(".exchange:visible .question")).to_have_text("这是什么？")
