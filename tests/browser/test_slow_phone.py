"""What the page spares a slow connection, and what it tells while something takes long."""

import os
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask, ask_and_wait, choose_sample

# As Chromium tells a page of a connection at the edge of a cell, in Mbit/s.
_SLOW = "Object.defineProperty(navigator, 'connection', { value: { downlink: 0.4 } })"
MOST_REQUESTS, MOST_BYTES = 12, 100_000
MOST_PHOTO_BYTES = 60_000


def _camera_photo() -> dict[str, Any]:
    """A photo that is no smaller for being smooth: 12 megapixels with the grain of a phone's."""
    grain = Image.frombytes("L", (1000, 750), os.urandom(1000 * 750)).resize((4000, 3000))
    picture = Image.blend(Image.linear_gradient("L").resize((4000, 3000)), grain, 0.3)
    file = BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=92)
    return {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def test_little_is_fetched_before_the_first_question(open_page: OpenPage) -> None:
    requests: list[Any] = []

    def watch(page: Page) -> None:
        page.on("requestfinished", lambda request: requests.append(request))

    page = open_page(before=watch, has_touch=True, is_mobile=True)
    expect(page.locator(".sample").first).to_be_visible()
    page.set_input_files("#photo-file", _camera_photo())
    expect(page.locator("#composer")).to_be_visible()
    page.wait_for_load_state("networkidle")
    fetched = [
        each
        for each in requests
        if not each.url.startswith(("blob:", "data:")) and not each.url.endswith("/v1/images")
    ]
    assert len(fetched) < len(requests)
    sizes = [each.sizes() for each in fetched]
    assert len(fetched) <= MOST_REQUESTS, [each.url for each in fetched]
    assert (
        sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes) < MOST_BYTES
    )
    before = len(requests)
    expect(page.locator(".product")).to_be_attached()  # who waits gets the card, and no more
    files = {urlsplit(each.url).path for each in requests[before:]} - {"/v1/images"}
    assert files <= {"/card.js", "/answer.js", "/style.js", "/card.css"}


def test_no_sample_is_fetched_while_a_photo_is_asked_about(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 300})  # the samples are below the screen
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_input_files("#photo-file", _camera_photo())
    expect(page.locator("#composer")).to_be_visible()
    ask_and_wait(page, "这是什么？")
    assert [url for url in asked if "samples/" in url] == []
    page.click("#change")
    page.locator("#samples").scroll_into_view_if_needed()
    expect(page.locator(".sample")).not_to_have_count(0)


@pytest.mark.parametrize("known", [True, False])
def test_a_slow_connection_gets_a_smaller_photo(open_page: OpenPage, known: bool) -> None:
    def slow(page: Page) -> None:
        wire.overhear(page)
        page.add_init_script(_SLOW)

    page = open_page(before=slow if known else wire.overhear)
    page.set_input_files("#photo-file", _camera_photo())
    expect(page.locator("#composer")).to_be_visible()
    ask_and_wait(page, "这是什么？")
    (photo,) = wire.sent(page)
    assert (photo["size"] <= MOST_PHOTO_BYTES) is known
    assert photo["width"] >= 480  # still a photo that shows something
    assert abs(photo["width"] / photo["height"] - 4 / 3) < 0.01


def test_the_upload_shows_how_far_it_is(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#upload")).to_be_hidden()
    page.route("**/v1/images", lambda route: None)  # it never ends
    page.set_input_files("#photo-file", _camera_photo())
    bar = page.locator("#upload")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("aria-label", "正在上传照片")
    page.unroute("**/v1/images")
    page.click("#change")
    choose_sample(page)
    expect(bar).to_be_hidden()  # that one has arrived


def test_a_long_silence_offers_to_wait_or_to_stop(open_page: OpenPage) -> None:
    page = open_page()
    page.clock.install()
    choose_sample(page)
    page.route("**/v1/ask", lambda route: None)  # the answer never comes
    exchange = ask(page, "这是真皮吗？")
    page.clock.run_for(4_000)
    expect(exchange.locator(".note")).to_have_text("正在看照片…")
    expect(exchange.locator(".patience")).to_be_hidden()
    page.clock.run_for(2_000)
    expect(exchange.locator(".note")).to_contain_text("还在看")
    expect(page.locator("#announcement")).to_contain_text("还在看")
    exchange.get_by_role("button", name="继续等").click()
    expect(exchange.locator(".patience")).to_be_hidden()
    page.clock.run_for(6_000)
    exchange.get_by_role("button", name="取消").click()
    expect(exchange).to_have_attribute("data-state", "stopped")
    expect(exchange.locator(".patience")).to_be_hidden()


def test_who_stops_need_not_wait_for_the_upload(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/v1/images", lambda route: None)
    choose_sample(page)
    exchange = ask(page, "这是真皮吗？")
    page.click("#send")
    expect(exchange).to_have_attribute("data-state", "stopped")


def test_an_upload_that_hangs_is_sent_again_after_a_stop(open_page: OpenPage) -> None:
    page = open_page()
    uploads: list[str] = []
    page.on("request", lambda each: uploads.append(each.url) if "v1/images" in each.url else None)
    page.route("**/v1/images", lambda route: None, times=1)
    choose_sample(page)
    exchange = ask(page, "这是真皮吗？")
    page.click("#send")
    expect(exchange).to_have_attribute("data-state", "stopped")
    expect(page.locator("#upload")).to_be_hidden()
    exchange.locator(".retry").click()
    expect(exchange).to_have_attribute("data-state", "done")
    assert len(uploads) == 2


def test_an_upload_that_hangs_ends_by_itself(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    page.clock.install()
    page.route("**/v1/images", lambda route: None, times=1)
    choose_sample(page)
    expect(page.locator("#upload")).to_be_visible()
    exchange = ask(page, "这是真皮吗？")
    for _ in range(5):
        page.clock.run_for(5_000)
    expect(exchange).to_have_attribute("data-state", "done")
    assert "image_id" not in wire.asked(page)[0]  # the question has brought the photo along
    page.locator(".chip").first.click()
    expect(page.locator('.exchange[data-state="done"]')).to_have_count(2)
    assert "image_id" in wire.asked(page)[1]


def test_samples_are_thumbnails_until_they_are_chosen(open_page: OpenPage) -> None:
    page = open_page()
    thumbnails = page.locator(".sample img")
    expect(thumbnails.first).to_be_visible()
    sizes = page.evaluate(
        "[...document.querySelectorAll('.sample img')].map(({ src }) => src.length)"
    )
    assert len(sizes) >= 8
    assert max(sizes) < 8_000
    choose_sample(page)
    assert page.evaluate("document.getElementById('photo').naturalWidth") > 400
