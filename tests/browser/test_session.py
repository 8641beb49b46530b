"""Whose a photo is: a shopper is one session to the API, cookies or not, and what she erases is
gone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.browser.test_failures import RESOURCE

SAMPLES = sorted(Path("web/samples").glob("*.jpg"))
NO_COOKIES = "Object.defineProperty(navigator, 'cookieEnabled', { value: false })"


class Answers:
    """What the API has answered to the page, as it comes: method and path, and the status."""

    def __init__(self, page: Page) -> None:
        self.all: list[tuple[str, int]] = []
        page.on("response", self._note)

    def _note(self, response: Any) -> None:
        name = response.url.partition("/v1/")[2]
        if name and name != "models":
            self.all.append((f"{response.request.method} {name}", response.status))

    def of(self, name: str) -> list[int]:
        return [status for each, status in self.all if each == name]


def refuse_cookies(page: Page) -> None:
    """Neither does ours come in, nor does it come back."""

    def strip(route: Route) -> None:
        asked = {k: v for k, v in route.request.all_headers().items() if k != "cookie"}
        page.context.clear_cookies()  # Playwright itself keeps them
        response = route.fetch(headers=asked)
        told = {k: v for k, v in response.headers.items() if k != "set-cookie"}
        route.fulfill(response=response, headers=told)

    page.route("**/v1/**", strip)


def erase(page: Page) -> str:
    page.click("#privacy")
    act = page.locator("dialog [data-act=all]")
    act.click()
    act.click()
    told = page.get_by_role("dialog").get_by_role("status")
    expect(told).not_to_be_empty()
    expect(act).not_to_have_attribute("aria-disabled", "true")
    return told.text_content() or ""


@pytest.mark.parametrize("known", [True, False])
def test_a_browser_without_cookies_asks_votes_and_erases(open_page: OpenPage, known: bool) -> None:
    def before(page: Page) -> None:
        refuse_cookies(page)
        if known:
            page.add_init_script(NO_COOKIES)

    page = open_page(before=before, expects=("404",))
    answers = Answers(page)
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    # One that only the API's answer tells of asks once more.
    assert answers.of("POST images") == [201] if known else [201, 201]
    assert answers.of("POST ask") == [200] if known else [404, 200]
    ask_and_wait(page, "什么颜色？")
    assert answers.of("POST chat/completions") == [200]
    exchange.get_by_label("有帮助", exact=True).click()
    expect(exchange.get_by_label("有帮助", exact=True)).to_have_attribute("aria-pressed", "true")
    assert "都已删除" in erase(page)
    assert answers.of("DELETE users/me/data") == [200]


def test_a_session_that_never_comes_back_costs_two_uploads(open_page: OpenPage) -> None:
    def forgetful(page: Page) -> None:
        refuse_cookies(page)
        page.add_init_script("""const get = XMLHttpRequest.prototype.getResponseHeader;
          XMLHttpRequest.prototype.getResponseHeader = function (name) {
            return name === "x-shopsight-session" ? null : get.call(this, name); };""")
        page.route(
            "**/v1/ask",
            lambda route: (
                route.fulfill(status=404, json={"error": {"code": "image_not_found"}})
                if "image_id" in (route.request.post_data_buffer or b"").decode("latin-1")
                else route.fallback()
            ),
        )

    page = open_page(before=forgetful, expects=("404",))
    answers = Answers(page)
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    assert answers.of("POST images") == [201, 201]
    assert answers.of("POST ask") == [404, 404, 200]  # the last brings the photo along
    page.locator(".chip").first.click()
    expect(page.locator('.exchange[data-state="done"]')).to_have_count(2)
    assert answers.of("POST images") == [201, 201]


def test_without_a_session_it_is_said_that_nobody_knows_what_to_erase(open_page: OpenPage) -> None:
    page = open_page(before=refuse_cookies, expects=("401",))
    with page.expect_response("**/v1/images"):
        choose_sample(page)
    assert "没有保存 Cookie" in erase(page)


def test_two_photos_of_a_newcomer_are_of_one_session(open_page: OpenPage) -> None:
    page = open_page()
    uploads: list[Request] = []
    page.on("request", lambda each: uploads.append(each) if "v1/images" in each.url else None)
    held: list[Route] = []
    page.route("**/v1/images", lambda route: held.append(route), times=1)
    page.set_input_files("#photo-file", SAMPLES[0])
    expect(page.locator("#composer")).to_be_visible()
    page.click("#change")
    page.set_input_files("#photo-file", SAMPLES[1])
    expect(page.locator("#composer")).to_be_visible()
    page.wait_for_timeout(300)
    assert len(uploads) == 1  # the second one waits for the first
    with page.expect_response(lambda response: response.request == uploads[-1] != uploads[0]):
        held[0].continue_()
    begun = [each.response().header_value("set-cookie") for each in uploads]  # type: ignore[union-attr]
    assert [bool(cookie) for cookie in begun] == [True, False]


def test_an_upload_that_is_lost_does_not_hold_up_the_next_photo(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    page.route("**/v1/images", lambda route: route.abort(), times=1)
    page.set_input_files("#photo-file", SAMPLES[0])
    expect(page.locator("#composer")).to_be_visible()
    page.click("#change")
    with page.expect_response("**/v1/images") as uploaded:
        page.set_input_files("#photo-file", SAMPLES[1])
    assert uploaded.value.status == 201


def test_a_photo_on_its_way_does_not_arrive_after_the_erasure(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    answers = Answers(page)
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    held: list[Route] = []
    page.route("**/v1/images", lambda route: held.append(route))
    page.click("#change")
    choose_sample(page, 1)
    page.wait_for_timeout(300)
    assert len(held) == 1
    assert "都已删除" in erase(page)
    held[0].continue_()  # as the line that was slow would
    page.wait_for_timeout(1_000)
    assert answers.of("POST images") == [201]
    assert answers.all[-1] == ("DELETE users/me/data", 200)


def test_what_could_not_be_erased_is_said_and_can_be_tried_again(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    page.click("#privacy")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.locator("[data-act=close]").click()
    page.context.set_offline(True)
    assert "服务器没有响应" in erase(page)
    page.context.set_offline(False)
    page.locator("[data-act=close]").click()
    assert "都已删除" in erase(page)


def test_records_that_stay_on_the_device_are_not_called_deleted(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    page.evaluate("() => { IDBObjectStore.prototype.clear = () => { throw new Error('full'); }; }")
    assert "没有删除成功" in erase(page)


def test_a_dialog_that_is_lost_on_the_way_is_said(open_page: OpenPage) -> None:
    page = open_page(expects=(RESOURCE,))
    page.route("**/privacy.js*", lambda route: route.abort(), times=1)
    page.click("#privacy")
    expect(page.locator("#photo-problem")).to_contain_text("网络连接失败")
    page.click("#privacy")
    expect(page.get_by_role("dialog")).to_be_visible()
