"""Two photos in one conversation, and a question that is spoken."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.browser.test_everywhere import violations
from tests.browser.test_memory import kept, wait_until_kept

SMALL = {"width": 320, "height": 568}
BOTH = "哪个更适合送给妈妈？"


def shape(messages: list[dict[str, Any]]) -> list[Any]:
    """Each turn of the shopper as its photos' ids and its text; of the model: None."""
    return [
        None
        if message["role"] == "assistant"
        else [part.get("text") or part["image_url"]["url"] for part in message["content"]]
        for message in messages
    ]


def add_second(page: Page, number: int) -> None:
    page.click("#compare")
    expect(page.locator("#headline")).to_have_text("选第二张照片，比一比")
    choose_sample(page, number)
    expect(page.locator("#photo-2")).to_be_visible()
    expect(page.locator("#question")).to_have_attribute("placeholder", "问问这两件商品…")


def test_two_photos_are_asked_about_together(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear, viewport=SMALL, has_touch=True, is_mobile=True)
    choose_sample(page, 0)
    ask_and_wait(page, "这是什么颜色？")
    add_second(page, 4)
    assert page.locator("#photo-name").text_content() == "棕色皮革手提包 · 紫色缎面连衣裙"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(".chip", has_text=BOTH).click()
    expect(page.locator('.exchange[data-state="done"]')).to_have_count(2)
    ask_and_wait(page, "为什么？")
    alone, typed = map(shape, wire.conversations(page))
    one, other, _ = alone[0]
    assert one != other
    assert alone == [[one, other, BOTH]]
    assert typed == [[one, "这是什么颜色？"], None, [other, BOTH], None, ["为什么？"]]
    assert len(wire.sent(page)) == 2  # each photo once

    pinned = page.get_by_label("回到照片")
    expect(pinned.locator("img:visible")).to_have_count(2)
    assert violations(page) == []
    wait_until_kept(page, 3)
    page.reload()
    expect(page.locator("#photo-2")).to_be_visible()
    assert page.evaluate("document.getElementById('photo-2').naturalWidth") > 400
    assert page.locator(".exchange:visible").count() == 3

    page.get_by_role("button", name="移除第 2 张").click()
    expect(page.locator("#photo-2")).to_have_count(0)
    ask_and_wait(page, "那它适合送给谁？")
    (left,) = map(shape, wire.conversations(page))
    assert left == [[one, "这是什么颜色？"], None, ["那它适合送给谁？"]]


def test_a_second_photo_is_picked_from_the_top_on(open_page: OpenPage) -> None:
    page = open_page(viewport=SMALL, has_touch=True, is_mobile=True)
    choose_sample(page, 6)
    page.click("#compare")
    page.wait_for_timeout(500)  # a browser may scroll to where one was
    expect(page.locator("#headline")).to_have_text("选第二张照片，比一比")
    expect(page.locator("#headline")).to_be_in_viewport()


def test_a_second_photo_can_be_one_of_before_framed_or_given_up(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    choose_sample(page, 0)
    page.click("#change")
    choose_sample(page, 1)
    page.click("#compare")
    page.click("#cancel")
    expect(page.locator("#photo-2")).to_have_count(0)
    page.click("#compare")
    page.locator("#shelf button").first.click()
    expect(page.locator("#photo-2")).to_have_attribute("alt", "棕色皮革手提包")
    assert page.evaluate("photo.src") != page.evaluate("document.getElementById('photo-2').src")
    button = page.get_by_role("button", name="圈出第 2 张")
    button.dblclick()  # one frame, however often it is pressed
    part = page.get_by_role("button", name="只问这一处")
    expect(part).to_have_count(1)
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    button.click()
    part.click()
    expect(page.locator("#photo-name")).to_have_text("第 3 张照片")
    ask_and_wait(page, "这是什么？")
    assert len(wire.sent(page)) == 3
    page.go_back()
    expect(page.locator("#headline")).to_have_text("拍下它，问问再买")


def test_a_second_photo_that_was_removed_stays_away(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page, 0)
    add_second(page, 1)
    ask_and_wait(page, BOTH)
    expect(page.locator("#crop")).to_have_text("圈出第 1 张")
    address = "document.getElementById('photo-2').src"
    first = page.evaluate(address)
    remove = page.get_by_role("button", name="移除第 2 张")
    remove.click()
    expect(page.locator("#compare")).to_be_focused(timeout=5_000)
    expect(page.locator("#crop")).to_have_text("圈出一处")
    expect(page.locator("#question")).to_have_attribute("placeholder", "问问这件商品…")
    add_second(page, 4)
    expect(page.locator("#photo-2")).to_have_attribute("alt", "紫色缎面连衣裙")
    assert page.evaluate(address) != first
    ask_and_wait(page, "为什么？")
    assert wait_until_seconds_are(page, kept_one=True)
    remove.click()
    assert wait_until_seconds_are(page, kept_one=False)
    page.reload()
    expect(page.locator(".exchange:visible")).to_have_count(2)
    expect(page.locator("#photo-2")).to_have_count(0)


def wait_until_seconds_are(page: Page, *, kept_one: bool) -> bool:
    """Within 5 s: whether the one conversation that is kept has a second photo, or has none."""
    for _ in range(50):
        seconds = [bool(record.get("second")) for record in kept(page) if record["exchanges"]]
        if seconds == [kept_one]:
            return True
        page.wait_for_timeout(100)
    return False


_SPEECH = """
window.heard = [];
window.SpeechRecognition = class {
  static available = () => new Promise((done) => setTimeout(done, 50, LOCAL));  // as a process away
  start() { heard.push(this); }
  stop() { this.onend(); }
  abort() { this.aborted = true; this.onerror({ error: "aborted" }); this.onend(); }
  say(...texts) { this.onresult?.({ results: texts.map((transcript) => [{ transcript }]) }); }
};
"""


def speech(local: str) -> str:
    return f"const LOCAL = {local!r};" + _SPEECH


def test_a_question_may_be_spoken_and_is_asked_by_the_shopper(open_page: OpenPage) -> None:
    page = open_page(before=lambda page: page.add_init_script(speech("unavailable")))
    choose_sample(page)
    microphone = page.get_by_label("说出问题")
    microphone.click()
    status = page.locator(".composer").get_by_role("status").filter(visible=True)
    expect(status).to_contain_text("可能要发送给浏览器的厂商")
    assert page.evaluate("heard.length") == 0  # not before the shopper has agreed
    microphone.click()
    expect(status).to_have_text("请说…")
    assert page.evaluate("[heard[0].lang, heard[0].processLocally]") == ["zh-CN", None]
    page.evaluate("heard[0].say('这是', '真皮吗')")
    expect(page.locator("#question")).to_have_value("这是真皮吗")
    assert violations(page) == []
    page.get_by_label("说完了").click()
    expect(status).to_have_count(0)
    expect(page.locator(".exchange")).to_have_count(0)
    page.click("#send")
    expect(page.locator(".exchange .question")).to_have_text("这是真皮吗")
    # Who has agreed is not asked again, and is listened to once however fast she presses.
    page.evaluate("const button = document.getElementById('speak'); button.click(); button.click()")
    expect(status).to_have_text("请说…")
    assert page.evaluate("heard.length") == 2
    page.evaluate("heard[1].onerror({ error: 'not-allowed' }); heard[1].onend()")
    expect(status).to_contain_text("没有使用麦克风的权限")


def test_speech_stays_on_a_device_that_understands_it(open_page: OpenPage) -> None:
    page = open_page(before=lambda page: page.add_init_script(speech("available")))
    choose_sample(page)
    page.get_by_label("说出问题").click()
    status = page.locator(".composer").get_by_role("status").filter(visible=True)
    expect(status).to_have_text("请说…")
    assert page.evaluate("heard[0].processLocally") is True


def test_what_is_heard_after_the_question_stays_out_of_the_next(open_page: OpenPage) -> None:
    page = open_page(before=lambda page: page.add_init_script(speech("available")))
    microphone, box = page.locator("#speak"), page.locator("#question")
    for number, leave in enumerate(("ask", "change", "type")):
        choose_sample(page, number)
        microphone.click()
        expect(microphone).to_have_attribute("aria-pressed", "true")
        page.evaluate("number => heard[number].say('这是真皮')", number)
        expect(box).to_have_value("这是真皮")
        if leave == "ask":
            page.click("#send")
        elif leave == "change":
            page.click("#change")
            choose_sample(page, 5)
        else:
            box.press_sequentially("吗")
        left = box.input_value()
        page.evaluate("number => heard[number].say('这是真皮吗？嗯')", number)
        expect(box).to_have_value(left)
        expect(microphone).to_have_attribute("aria-pressed", "false")
        assert page.evaluate("number => heard[number].aborted", number) is True
        page.click("#change")


def test_where_no_browser_listens_there_is_no_microphone(open_page: OpenPage) -> None:
    deaf = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition;"
    page = open_page(before=lambda page: page.add_init_script(deaf))
    choose_sample(page)
    expect(page.locator("#speak")).to_be_hidden()
    insecure = "Object.defineProperty(window, 'isSecureContext', { value: false });"
    insecure += speech("available")
    page = open_page(before=lambda page: page.add_init_script(insecure))
    choose_sample(page)
    expect(page.locator("#speak")).to_be_hidden()


def test_fields_of_two_cards_stand_in_one_row_each(open_page: OpenPage) -> None:
    """Also where a value takes more lines than the other, and where only one card has a field."""
    page = open_page(locale="en-US", cards=wire.answer_cards, viewport=SMALL)
    choose_sample(page, 0)
    bag = {
        "category": ("handbag", 0.97),
        "materials": (["grained leather", "cotton lining", "brass"], 0.9),
        "style": ("retro", 0.9),
        "colours": (["brown"], 0.9),
    }
    dress = {
        "category": ("a long evening dress with sleeves", 0.96),
        "materials": (["satin"], 0.9),
        "audience": (["young women who go out in the evening"], 0.9),
        "colours": (["purple"], 0.9),
    }
    wire.write_card(page, 0, bag, end=True)
    page.click("#compare")
    choose_sample(page, 4)
    page.locator("#photo-2").wait_for()
    wire.write_card(page, 1, dress, end=True)
    expect(page.locator(".product dd")).to_have_count(8)
    places = page.evaluate(  # as laid out: the tag still swings
        "[...document.querySelectorAll('.product dt')]"
        ".map((term) => [term.textContent, term.offsetTop])"
    )
    tops: dict[str, list[int]] = {}
    for field, top in places:
        tops.setdefault(field, []).append(top)
    assert sorted(map(len, tops.values())) == [1, 1, 2, 2, 2]
    assert all(len(set(each)) == 1 for each in tops.values()), tops
    assert len({each[0] for each in tops.values()}) == len(tops), "one row for each field"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert violations(page) == []
