"""The product card: what the photo shows appears by itself, and makes way for questions."""

from playwright.sync_api import Page, expect

from tests.browser import wire
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.browser.test_everywhere import violations
from tests.browser.test_memory import kept

BAG = {
    "materials": (["皮革"], 0.91),
    "style": ("复古", 0.6),
    "audience": (["妈妈"], 0.88),
    "colours": (["棕色", "金色"], 0.98),
    "occasions": (["通勤"], 0.3),
    "visible_text": ([], 0.9),
    "not_visible": (["brand", "size"], 0.95),
}


def chips(page: Page) -> list[str]:
    return page.locator(".chip").all_text_contents()


def wait_until_card_is_kept(page: Page, within_ms: int = 5_000) -> None:
    for _ in range(within_ms // 100):
        if any(record["cards"].get("zh", {}).get("done") for record in kept(page)):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"no whole card is kept: {kept(page)}")


def test_a_card_appears_field_by_field_in_the_pages_language(open_page: OpenPage) -> None:
    page = open_page(cards=wire.answer_cards)
    choose_sample(page)
    card = page.locator(".product")
    wire.write_card(page, 0, {"category": ("手提包", 0.97)})
    expect(card).to_contain_text("手提包")
    expect(card).not_to_contain_text("皮革")
    expect(card).not_to_contain_text("看不出：")
    assert "这是真皮吗？" not in chips(page)
    wire.write_card(page, 0, BAG, end=True)
    expect(card).to_contain_text("照片看不出：价格、有没有货、真假、具体成分、品牌、尺寸。")
    told = dict(
        zip(*(card.locator(part).all_text_contents() for part in ("dt", "dd")), strict=True)
    )
    assert told == {
        "是什么": "手提包",
        "材质": "皮革",
        "风格": "可能是复古",
        "适合谁": "妈妈",
        "颜色": "棕色、金色",
    }
    expect(page.locator("#announcement")).to_contain_text("皮革")
    assert chips(page)[1:] == ["适合送给妈妈吗？", "这是真皮吗？", "描述一下这件商品"]
    assert page.evaluate("cards[0].form.language") == "zh"

    page.click("#language")
    expect(card).to_be_hidden()
    wire.write_card(page, 1, {"category": ("handbag", 0.97)}, end=True)
    expect(card).to_contain_text("What it is")
    expect(card).to_contain_text("handbag")
    assert violations(page) == []
    page.click("#language")
    expect(card).to_contain_text("可能是复古")
    assert page.evaluate("cards.map((card) => card.form.language)") == ["zh", "en"]


def test_a_question_goes_before_a_card_which_is_asked_for_again(open_page: OpenPage) -> None:
    def watch(page: Page) -> None:
        wire.overhear(page)
        wire.answer_cards(page)

    page = open_page(cards=watch)
    choose_sample(page, 1)
    wire.write_card(page, 0, {"category": ("马克杯", 0.97)})
    expect(page.locator(".product")).to_contain_text("马克杯")
    page.locator(".chip").nth(1).click()
    expect(page.locator(".exchange")).to_have_attribute("data-state", "done")
    wire.write_card(page, 1, {"materials": (["陶瓷"], 0.95)})
    assert page.evaluate("order") == ["card", "aborted", "ask", "card"]
    expect(page.locator(".product")).to_contain_text("陶瓷")
    expect(page.locator(".product")).to_contain_text("马克杯")  # it stays
    mug = {"category": ("马克杯", 0.97), "occasions": (["喝茶"], 0.9)}
    wire.write_card(page, 1, mug, end=True)
    expect(page.locator(".product")).to_contain_text("陶瓷")
    # Nothing about leather, and not what has been asked.
    assert chips(page)[1:] == ["适合喝茶吗？"]
    wait_until_card_is_kept(page)  # before the next question
    ask_and_wait(page, "适合喝茶吗？")
    assert len(chips(page)) == 1
    assert len(page.evaluate("cards")) == 2
    one, other = page.evaluate("cards.map((card) => card.form.image_id)")
    assert one == other == wire.asked(page)[0]["image_id"]
    assert len(wire.sent(page)) == 1  # the photo, for cards and questions
    page.reload()
    expect(page.locator(".product")).to_contain_text("陶瓷")  # it is remembered
    assert page.evaluate("cards") == []


def test_what_is_not_known_is_not_shown(open_page: OpenPage) -> None:
    page = open_page(cards=wire.answer_cards)
    for number, fields in enumerate(
        (
            {"category": ("?的商品. The photo", 0.0), "materials": (["??"], 0.2)},
            {"category": (None, 0.9), "colours": (["绿色"], 0.9)},  # a landscape
            {"category": (None, 0.2), "materials": ([], 0.99)},
        )
    ):
        choose_sample(page, number)
        wire.write_card(page, number, fields, end=True)
        page.evaluate("new Promise(requestAnimationFrame)")
        expect(page.locator(".product")).to_be_hidden()
        assert "描述一下这件商品" in chips(page)
        page.click("#change")


def test_a_card_that_is_blocked_in_the_end_is_taken_back(open_page: OpenPage) -> None:
    page = open_page(cards=wire.answer_cards)
    choose_sample(page)
    wire.write_card(page, 0, {"category": ("手提包", 0.97)})
    expect(page.locator(".product")).to_contain_text("手提包")
    wire.end_card(page, 0, wire.NOTHING_KNOWN)
    expect(page.locator(".product")).to_be_hidden(timeout=5_000)
    assert "描述一下这件商品" in chips(page)


def test_a_card_that_breaks_off_keeps_what_has_come(open_page: OpenPage) -> None:
    page = open_page(cards=wire.answer_cards)
    choose_sample(page)
    wire.write_card(page, 0, {"category": ("手提包", 0.97)})
    expect(page.locator(".product")).to_contain_text("手提包")
    wire.end_card(page, 0, wire.error_event("模型暂时不可用", "no_replica"))
    page.wait_for_timeout(300)
    assert page.locator(".product dd").all_text_contents() == ["手提包"]
    assert len(page.evaluate("cards")) == 1


def test_without_a_calibration_the_surest_is_a_maybe(open_page: OpenPage) -> None:
    page = open_page(cards=wire.answer_cards)
    choose_sample(page)
    fields = {"category": ("手提包", 0.99), "materials": (["皮革"], 0.94)}
    wire.write_card(page, 0, fields, end=True, calibrated=False)
    expect(page.locator(".product dd")).to_have_text(["可能是手提包"])


def test_no_card_is_no_failure(open_page: OpenPage) -> None:
    broken = wire.error_event("模型暂时不可用", "no_replica")
    page = open_page(cards=lambda page: wire.answer_cards(page, broken))
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    expect(page.locator(".product")).to_be_hidden()
    expect(page.locator("#photo-problem")).to_be_hidden()
    assert len(page.evaluate("cards")) == 1  # and it is not asked for again and again


def test_the_services_own_card_is_read_to_its_end_and_kept(open_page: OpenPage) -> None:
    page = open_page(cards=lambda page: None)
    with page.expect_response("**/v1/products/card") as card:
        choose_sample(page)
    assert card.value.status == 200
    ask_and_wait(page, "这是什么？")
    wait_until_card_is_kept(page, PATIENCE)
    (record,) = kept(page)
    fields = record["cards"]["zh"]["fields"]
    assert set(fields) == {"category", *BAG}
    assert all(0 <= field["confidence"] <= 1 for field in fields.values())
