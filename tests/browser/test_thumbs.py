"""Thumbs under an answer: what a shopper sees, hears and can reach, and what goes to the API."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import create_engine

from gateway.cli.embedded import Stack
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.support.servers import wait_until
from tests.support.voting import thumbs

SMALL = {"width": 320, "height": 568}
# Moves that no finger has caused; a browser leaves out those within half a second of a tap.
_WATCH = """window.shifted = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput)
      window.shifted.push(entry.value);
  }).observe({ type: "layout-shift" });"""


def overhear(page: Page, status: int | None = None) -> list[dict[str, Any]]:
    """The votes as they are sent; answered by the real API, or with `status`."""
    sent: list[dict[str, Any]] = []

    def handle(route: Any) -> None:
        sent.append(json.loads(route.request.post_data))
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, body="{}")

    page.route("**/v1/feedback", handle)
    return sent


def test_a_thumb_down_with_its_reason_reaches_the_log(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    page = open_page()
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    up, down = exchange.get_by_label("有帮助", exact=True), exchange.get_by_label("没有帮助")
    for thumb in (up, down):
        expect(thumb).to_have_attribute("aria-pressed", "false")
    expect(exchange.locator(".reason")).to_be_hidden()
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(exchange.locator(".reason")).to_be_visible()
    exchange.locator(".reason input").fill("颜色说错了")
    exchange.get_by_role("button", name="告诉我们").click()
    expect(exchange.locator(".thanks")).to_have_text("谢谢，已收到。")
    expect(exchange.locator(".reason")).to_be_hidden()
    engine = create_engine(embedded_stack.database_url)
    wait_until("counted", lambda: ("down", "颜色说错了") in thumbs(engine))
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(down).to_have_attribute("aria-pressed", "false")
    wait_until("changed", lambda: ("down", "颜色说错了") not in thumbs(engine))
    engine.dispose()


def test_the_keyboard_alone_votes_and_gives_a_reason(open_page: OpenPage) -> None:
    page = open_page(locale="en-US", viewport={"width": 1280, "height": 800})
    choose_sample(page)
    exchange = ask_and_wait(page, "What is it?")
    sent = overhear(page)
    exchange.get_by_label("Not helpful").focus()
    page.keyboard.press("Space")
    expect(exchange.locator(".reason")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("wrong colour")
    page.keyboard.press("Enter")
    expect(exchange.locator(".thanks")).to_have_text("Thank you, noted.")
    expect(page.locator("#announcement")).to_have_text("Thank you, noted.")
    expect(exchange.get_by_label("Not helpful")).to_be_focused()
    name = exchange.get_attribute("data-interaction")
    assert sent == [
        {"interaction_id": name, "vote": "down"},
        {"interaction_id": name, "vote": "down", "reason": "wrong colour"},
    ]


@pytest.mark.parametrize(
    "viewport", [SMALL, pytest.param({"width": 390, "height": 844}, marks=pytest.mark.long)]
)
def test_nothing_moves_that_the_shopper_has_not_moved(
    open_page: OpenPage, viewport: dict[str, int]
) -> None:
    page = open_page(viewport=viewport, has_touch=True, is_mobile=True)
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    ask_and_wait(page, "这是真皮吗？")  # stands below it
    exchange = page.locator(".exchange").first
    page.evaluate(_WATCH)
    # Later than the half second for which a browser takes a move for the finger's.
    page.route("**/v1/feedback", lambda route: (page.wait_for_timeout(900), route.continue_()))
    with page.expect_response("**/v1/feedback"):
        exchange.get_by_label("没有帮助").tap()
        expect(exchange.locator(".reason")).to_be_visible()
    exchange.locator(".reason input").fill("颜色不对")
    with page.expect_response("**/v1/feedback"):
        exchange.get_by_role("button", name="告诉我们").tap()
        expect(exchange.locator(".thanks")).to_be_visible()
    with page.expect_response("**/v1/feedback"):
        exchange.get_by_label("有帮助", exact=True).tap()
    page.wait_for_timeout(300)
    assert sum(page.evaluate("window.shifted")) < 0.001
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_line_for_a_reason_opens_where_it_can_be_seen(open_page: OpenPage) -> None:
    page = open_page(viewport=SMALL, has_touch=True, is_mobile=True)
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    exchange.get_by_label("没有帮助").tap()
    expect(exchange.locator(".reason input")).to_be_in_viewport(ratio=1)
    composer = page.locator("#composer").bounding_box()
    line = exchange.locator(".reason").bounding_box()
    assert composer is not None
    assert line is not None
    assert line["y"] + line["height"] <= composer["y"]


def test_a_reason_waits_for_its_thumb_on_the_way(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    held: list[Route] = []
    page.route("**/v1/feedback", lambda route: held.append(route), times=1)
    exchange.get_by_label("没有帮助").click()
    exchange.locator(".reason input").fill("颜色说错了")
    exchange.get_by_role("button", name="告诉我们").click()
    expect(exchange.locator(".thanks")).to_have_text("谢谢，已收到。")
    with page.expect_request("**/v1/feedback") as second:
        held[0].continue_()
    assert second.value.post_data_json["reason"] == "颜色说错了"


@pytest.mark.parametrize("status", [500, 429])
def test_a_vote_that_does_not_arrive_is_not_shown_as_one(open_page: OpenPage, status: int) -> None:
    page = open_page(expects=(f"{status}",))
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    overhear(page, status)
    thumb = exchange.get_by_label("有帮助", exact=True)
    thumb.click()
    expect(exchange.locator(".thanks")).to_contain_text("没有送到")
    expect(thumb).to_have_attribute("aria-pressed", "false")
    page.unroute("**/v1/feedback")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    expect(exchange.locator(".thanks")).to_be_hidden()


def test_the_same_thumb_again_sends_nothing(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    sent = overhear(page)
    thumb = exchange.get_by_label("有帮助", exact=True)
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    page.wait_for_load_state("networkidle")
    thumb.click()
    exchange.get_by_label("没有帮助").click()
    expect(exchange.locator(".reason")).to_be_visible()
    assert [vote["vote"] for vote in sent] == ["up", "down"]


def test_what_was_stopped_or_failed_has_no_thumbs(open_page: OpenPage) -> None:
    page = open_page(expects=("503",))
    choose_sample(page)
    page.route("**/v1/ask", lambda route: route.fulfill(status=503, body="busy"))
    exchange = ask_and_wait(page, "这是什么？", "failed")
    expect(exchange.locator(".thumb").first).to_be_hidden()
    page.unroute("**/v1/ask")
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")
    expect(exchange.locator(".thumb").first).to_be_visible()
