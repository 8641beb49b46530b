"""What a shopper sees when something fails: the words, what had arrived, and a way to try again."""

import re

import pytest
from playwright.sync_api import Page, expect

from contract.errors import InvalidField
from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask, ask_and_wait, choose_sample, wait_for_models
from tests.support.servers import wait_until

RESOURCE = "Failed to load resource"  # how Chromium logs any status of 400 and above
QUESTION = "这是真皮吗？"


@pytest.mark.parametrize(("locale", "language", "retry"), [
    ("zh-CN", "zh", "重试"),
    ("en-US", "en", "Try again"),
])  # fmt: skip
def test_a_busy_service_says_so_in_the_pages_language_and_a_retry_works(
    open_page: OpenPage, locale: str, language: str, retry: str
) -> None:
    page = open_page(locale=locale, expects=(RESOURCE,))
    message = "现在提问的人太多，请稍后再试。" if language == "zh" else "Too many questions now."
    languages = wire.answer_with(page, wire.refusal(503, message, "overloaded", retry_after="1"))
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".note")).to_have_text(message)
    expect(exchange).to_have_attribute("data-code", "overloaded")
    assert languages[0].startswith(language)
    again = exchange.locator(".retry")
    expect(again).to_have_attribute("aria-disabled", "true")  # for as long as Retry-After says
    expect(again).to_have_attribute("aria-disabled", "false")
    expect(again).to_have_text(retry)
    again.click()
    expect(exchange).to_have_attribute("data-state", "done")
    expect(exchange.locator(".answer")).not_to_be_empty()
    expect(page.locator(".exchange")).to_have_count(1)


def test_the_real_services_own_refusal_follows_the_language_toggle(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    choose_sample(page)
    # A control character is text to the page, and refused by the API.
    chinese = ask_and_wait(page, "what\x01", "failed").locator(".note").text_content()
    page.click("#language")
    english = ask_and_wait(page, "what\x01", "failed").locator(".note").text_content()
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese or "")
    assert (english or "").isascii()
    expect(page.locator(".exchange .retry:visible")).to_have_count(0)  # it would fail again


@pytest.mark.parametrize(("cut", "words"), [
    (wire.stream(wire.chunk("看起来是"), wire.chunk("一只托特包")), "以上回答不完整"),
    (wire.stream(wire.chunk("看起来是"), wire.chunk("一只托特包"), 'data: {"choi'), "不完整"),
    (
        wire.stream(
            wire.chunk("看起来是一只托特包"),
            wire.error_event("模型处理失败。", "replica_failed"),
        ),
        "模型处理失败。",
    ),
])  # fmt: skip
def test_a_stream_cut_in_the_middle_keeps_what_arrived_and_says_it_is_incomplete(
    open_page: OpenPage, cut: dict[str, object], words: str
) -> None:
    page = open_page()
    wire.answer_with(page, cut)
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".answer")).to_have_text("看起来是一只托特包")
    expect(exchange.locator(".note")).to_contain_text(words)
    expect(exchange.locator(".timing")).to_be_hidden()
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")
    expect(exchange.locator(".answer")).not_to_have_text("看起来是一只托特包")


@pytest.mark.parametrize(("locale", "words"), [("zh-CN", "没有被接受"), ("en-US", "not accepted")])
def test_what_only_a_programmer_understands_is_put_in_the_pages_own_words(
    open_page: OpenPage, locale: str, words: str
) -> None:
    page = open_page(locale=locale, expects=(RESOURCE,))
    message = InvalidField("messages.0.role").message(locale[:2])
    wire.answer_with(page, wire.refusal(400, message, "invalid_field"))
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".note")).to_contain_text(words)
    expect(exchange).not_to_contain_text("messages.0")


@pytest.mark.parametrize(("seconds", "words"), [
    ("40", r"^\d\d 秒后可重试"), ("700", "12 分钟后可重试"), ("7500", "3 小时后可重试")
])  # fmt: skip
def test_a_limit_says_when_it_ends(open_page: OpenPage, seconds: str, words: str) -> None:
    page = open_page(expects=(RESOURCE,))
    refusal = wire.refusal(429, "今天的用量已用完。", "quota_exceeded", retry_after=seconds)
    wire.answer_with(page, refusal)
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".retry")).to_have_text(re.compile(words))
    expect(exchange.locator(".retry")).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(("status", "words", "retryable"), [
    (502, "服务暂时不可用", True),
    (429, "提问太快", True),
    (413, "照片太大", False),
    (403, "没有被接受", False),
    (401, "持有 API 密钥的应用", False),
])  # fmt: skip
def test_a_proxys_own_error_page_becomes_plain_words(
    open_page: OpenPage, status: int, words: str, retryable: bool
) -> None:
    page = open_page(expects=(RESOURCE,))
    html = "<html><body><h1>Bad Gateway</h1>nginx</body></html>"
    wire.answer_with(page, {"status": status, "content_type": "text/html", "body": html})
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".note")).to_contain_text(words)
    expect(exchange.locator(".retry")).to_be_visible(visible=retryable)


def test_a_lost_network_is_told_and_the_next_try_works(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    choose_sample(page)
    page.context.set_offline(True)
    exchange = ask_and_wait(page, QUESTION, "failed")
    expect(exchange.locator(".note")).to_contain_text("网络连接失败")
    page.context.set_offline(False)
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")


def test_a_next_try_stays_at_its_own_question(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    answer = wire.stream(wire.chunk("很长的回答。" * 60), wire.chunk("", "stop"), wire.DONE)
    page.route(re.compile("v1/(ask|chat)"), lambda route: route.fulfill(**answer))
    page.route("**/v1/ask", lambda route: route.fulfill(status=502, body=""), times=1)
    choose_sample(page)
    ask_and_wait(page, "会失败吗？", "failed")
    for _ in range(3):
        expect(ask_and_wait(page, QUESTION).locator(".timing")).to_be_visible()
    first = page.locator(".exchange").first
    first.locator(".retry").click()
    expect(first).to_have_attribute("data-state", "done")
    expect(first.locator(".question")).to_be_in_viewport()


LOST = ("Failed to fetch dynamically imported module", "ERR_FAILED", RESOURCE)


def test_a_part_of_the_page_that_is_lost_is_a_lost_network(open_page: OpenPage) -> None:
    page = open_page(expects=LOST)
    choose_sample(page)
    ask_and_wait(page, QUESTION)
    page.route("**/turns.js*", lambda route: route.abort(), times=1)
    exchange = ask_and_wait(page, "那适合送给谁？", "failed")
    expect(exchange.locator(".note")).to_contain_text("网络连接失败")
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")


def test_a_lost_part_that_only_reads_the_answer_is_asked_for_again(open_page: OpenPage) -> None:
    page = open_page(expects=LOST)
    page.route("**/answer.js*", lambda route: route.abort(), times=1)
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION)
    expect(exchange.locator(".answer")).not_to_be_empty()


def test_a_memory_that_is_lost_on_the_way_holds_nothing_up(open_page: OpenPage) -> None:
    page = open_page(expects=LOST)
    choose_sample(page)
    ask_and_wait(page, QUESTION)
    wait_until("kept", lambda: page.evaluate("localStorage.getItem('shopsight.kept')"))
    page.route("**/kept.js*", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("body:not([data-settling])")
    choose_sample(page)
    ask_and_wait(page, QUESTION)


@pytest.mark.parametrize("key", ["重试", "继续等", "取消"])
def test_a_button_that_goes_hands_the_focus_on(open_page: OpenPage, key: str) -> None:
    page = open_page(expects=(RESOURCE,))
    page.clock.install()
    choose_sample(page)
    page.route("**/v1/ask", lambda route: None)
    if key == "重试":
        page.route("**/v1/ask", lambda route: route.abort(), times=1)
    exchange = ask(page, QUESTION)
    if key == "重试":
        exchange.locator(".retry").press("Enter")
    else:
        expect(exchange).to_have_attribute("data-state", "answering")
        page.clock.run_for(6_000)
        exchange.get_by_role("button", name=key).press("Enter")
    expect(exchange.locator(".question")).to_be_focused()
    expect(exchange.get_by_role("button", name=key)).to_be_hidden()


@pytest.mark.parametrize(("reason", "words"), [
    ("length", "长度上限"), ("content_filter", "因规则未显示")
])  # fmt: skip
def test_an_answer_that_ended_early_says_why(open_page: OpenPage, reason: str, words: str) -> None:
    page = open_page()
    response = wire.stream(wire.chunk("一只包"), wire.chunk("", reason), wire.DONE)
    wire.answer_with(page, response)
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION)
    expect(exchange.locator(".answer")).to_have_text("一只包")
    expect(exchange.locator(".note")).to_contain_text(words)


def test_an_empty_answer_is_not_shown_as_success(open_page: OpenPage) -> None:
    page = open_page()
    wire.answer_with(page, wire.stream(wire.chunk("", "stop"), wire.DONE))
    choose_sample(page)
    exchange = ask_and_wait(page, QUESTION)
    expect(exchange.locator(".note")).to_have_text("模型没有给出回答。")
    expect(exchange.locator(".retry")).to_be_visible()


def test_a_network_that_changes_while_the_page_loads_costs_a_second_not_the_samples(
    open_page: OpenPage,
) -> None:
    def break_once(page: Page) -> None:
        for address in ("**/samples/strip.json", "**/v1/models"):
            page.route(address, lambda route: route.abort("connectionreset"), times=1)

    page = open_page(before=break_once, expects=(RESOURCE,))
    choose_sample(page)
    ask_and_wait(page, QUESTION)
    expect(page.locator("#demo-banner")).to_be_visible()


def test_without_sample_photos_the_page_is_whole(open_page: OpenPage) -> None:
    page = open_page(
        before=lambda page: page.route(
            "**/samples/strip.json", lambda route: route.fulfill(status=404, body="{}")
        ),
        expects=(RESOURCE,),
    )
    expect(page.locator("#choose")).to_be_visible()
    expect(page.locator("#samples")).to_be_hidden()


def test_where_only_apps_with_a_key_are_answered_the_page_says_so_at_once(
    open_page: OpenPage,
) -> None:
    page = open_page(locale="zh-CN", before=wait_for_models, expects=(RESOURCE,))
    banner = page.locator("#closed-banner").filter(visible=True)
    expect(banner).to_have_count(0)
    page.route("**/v1/models", lambda route: route.fulfill(status=401, json={"error": {}}))
    page.reload()
    expect(banner).to_contain_text("API 密钥")
    page.locator("#language").click()
    expect(banner).to_contain_text("API key")
