"""A shopper asks about photos: against the real gateway and the demo checkpoint."""

import re

from playwright.sync_api import expect

from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask, ask_and_wait, choose_sample

# How often an answer's text grew, and how often a screen reader was told something.
_WATCH = """
window.grown = 0; window.announced = [];
new MutationObserver((list) => {
  for (const { target } of list) if (target.className === "answer") window.grown += 1;
}).observe(document.getElementById("threads"), { childList: true, subtree: true });
const told = document.getElementById("announcement");
new MutationObserver(() => window.announced.push(told.textContent))
  .observe(told, { childList: true });
"""


def test_an_answer_streams_in_and_an_equal_first_question_comes_from_the_cache(
    open_page: OpenPage,
) -> None:
    page = open_page()
    choose_sample(page)
    page.evaluate(_WATCH)

    first = ask_and_wait(page, "这件商品是什么颜色，是什么款式？")
    expect(first.locator(".answer")).not_to_be_empty()
    assert page.evaluate("window.grown") >= 3
    timing = first.locator(".timing")
    expect(timing).to_have_text(re.compile(r"用时 \d+(\.\d)? 秒"))
    assert int(timing.get_attribute("data-first-ms")) <= int(timing.get_attribute("data-total-ms"))

    answer = first.locator(".answer").text_content()

    second = ask_and_wait(page, "适合送给妈妈吗？")
    expect(second.locator(".answer")).not_to_be_empty()
    expect(page.locator(".exchange")).to_have_count(2)

    other = open_page(locale="zh-TW")  # another shopper, who has said nothing before
    choose_sample(other)
    again = ask_and_wait(other, "这件商品是什么颜色，是什么款式？")
    expect(again.locator(".timing")).to_have_attribute("data-cache", "hit")
    assert again.locator(".answer").text_content() == answer


def test_a_screen_reader_hears_the_answer_once_and_whole(open_page: OpenPage) -> None:
    page = open_page(locale="en-US")
    choose_sample(page)
    page.evaluate(_WATCH)
    exchange = ask_and_wait(page, "What is it made of?")
    answer = exchange.locator(".answer").text_content()
    looking, told = page.evaluate("window.announced")
    assert looking == "Looking at the photo…"
    assert told.startswith(f"Answer: {answer}")  # and a note, should the answer be cut


def test_a_suggested_question_is_asked_by_one_tap(open_page: OpenPage) -> None:
    page = open_page(has_touch=True)
    choose_sample(page)
    chip = page.locator(".chip").first
    question = chip.text_content() or ""
    with page.expect_request("**/v1/ask") as asked:
        chip.tap()
    assert asked.value.headers["x-question-source"] == "suggested"
    exchange = page.locator(".exchange")
    expect(exchange.locator(".question")).to_have_text(question)
    expect(exchange).to_have_attribute("data-state", "done")
    expect(page.locator(".chip", has_text=question)).to_have_count(0)  # it has been asked
    with page.expect_request("**/v1/chat/completions") as asked:  # with the turn before
        ask(page, "这是什么？")
    assert asked.value.headers["x-question-source"] == "typed"


def test_each_photo_keeps_its_conversation(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page, 0)
    ask_and_wait(page, "这是什么？")
    page.click("#change")
    choose_sample(page, 1)
    expect(page.locator(".exchange:visible")).to_have_count(0)
    page.locator("#shelf button").first.click()
    expect(page.locator(".exchange:visible .question")).to_have_text("这是什么？")


def test_stop_aborts_the_answer_and_it_can_be_asked_again(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    page.route("**/v1/ask", lambda route: None)  # the answer never comes
    exchange = ask(page, "这是真皮吗？")
    send = page.locator("#send")
    expect(send).to_have_attribute("aria-label", "停止回答")
    with page.expect_event("requestfailed") as aborted:
        send.click()
    assert aborted.value.url.endswith("/v1/ask")
    expect(exchange).to_have_attribute("data-state", "stopped")
    expect(send).to_have_attribute("aria-label", "提问")

    page.unroute("**/v1/ask")
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")


def test_the_keyboard_alone_is_enough(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1280, "height": 800})
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "sample":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("What colour is it?")
    page.keyboard.press("Enter")
    expect(page.locator(".exchange")).to_have_attribute("data-state", "done")
    expect(page.locator("#question")).to_be_focused()


def test_the_enter_that_accepts_an_input_methods_proposal_does_not_ask(
    open_page: OpenPage,
) -> None:
    page = open_page()
    choose_sample(page)
    page.fill("#question", "真皮")
    for how in ("{isComposing: true}", "{keyCode: 229}"):
        page.evaluate(
            "document.getElementById('question').dispatchEvent(new KeyboardEvent("
            f"'keydown', {{key: 'Enter', bubbles: true, ...{how}}}))"
        )
    expect(page.locator(".exchange")).to_have_count(0)


def test_markup_in_an_answer_stays_text(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    hostile = "<img src=x onerror=alert(1)><b>皮</b>"
    wire.answer_with(page, wire.stream(wire.chunk(hostile), wire.chunk("", "stop"), wire.DONE))
    exchange = ask_and_wait(page, "这是什么？")
    expect(exchange.locator(".answer")).to_have_text(hostile)
    expect(exchange.locator(".answer *")).to_have_count(0)
