"""The page remembers: earlier turns go along, conversations survive a reload. And it forgets."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from gateway.cli.embedded import Stack
from tests.browser import wire
from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask, ask_and_wait, choose_sample
from tests.browser.test_failures import RESOURCE
from tests.support.servers import wait_until

# What stands in IndexedDB: the records by their keys.
_KEPT = """() => new Promise((done) => {
  const request = indexedDB.open("shopsight");
  request.onupgradeneeded = () => request.transaction.abort();
  request.onerror = () => done([]);
  request.onsuccess = () => {
    const all = request.result.transaction("conversations").objectStore("conversations").getAll();
    all.onsuccess = () => { request.result.close(); done(all.result); };
  };
})"""


def kept(page: Page) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = page.evaluate(_KEPT)
    return records


def ends(page: Page) -> list[str | None]:
    """How each answer in the only record has ended."""
    (record,) = kept(page)
    return [(each.get("outcome") or {}).get("end") for each in record["exchanges"]]


def wait_until_kept(page: Page, exchanges: int) -> None:
    for _ in range(100):
        if sum(len(record["exchanges"]) for record in kept(page)) >= exchanges:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not kept: {kept(page)}")


def hide(page: Page) -> None:
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector("body:not([data-settling])")


def test_earlier_turns_go_with_a_question(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    choose_sample(page)
    first = ask_and_wait(page, "这是什么颜色？").locator(".answer").text_content()
    ask_and_wait(page, "那它适合送给谁？")
    (messages,) = wire.conversations(page)
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"][1]["text"] == "这是什么颜色？"
    assert messages[1]["content"] == first
    assert messages[2]["content"] == [{"type": "text", "text": "那它适合送给谁？"}]


def test_a_suggested_question_goes_alone_and_meets_the_answer_cache(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    choose_sample(page)
    ask_and_wait(page, "这是什么颜色？")
    page.locator(".chip", has_text="是什么材质？").click()
    expect(page.locator('.exchange[data-state="done"]')).to_have_count(2)
    assert wire.conversations(page) == []
    page = open_page(before=wire.overhear, color_scheme="dark")  # another shopper's browser
    choose_sample(page)
    page.locator(".chip", has_text="是什么材质？").click()
    expect(page.locator(".timing").last).to_have_attribute("data-cache", "hit")


def test_what_failed_is_no_turn_and_the_oldest_turns_are_dropped(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear, expects=(RESOURCE,))
    choose_sample(page)
    page.route("**/v1/ask", lambda route: route.fulfill(status=502, body=""), times=1)
    ask_and_wait(page, "会失败吗？", "failed")
    answer = wire.stream(wire.chunk("长" * 3000), wire.chunk("", "stop"), wire.DONE)
    for pattern in ("**/v1/ask", "**/v1/chat/completions"):
        page.route(pattern, lambda route: route.fulfill(**answer))
    for number in range(5):
        ask_and_wait(page, f"第{number}问？")
    *_, messages = wire.conversations(page)
    asked = [message["content"][-1]["text"] for message in messages if message["role"] == "user"]
    assert asked == ["第1问？", "第2问？", "第3问？", "第4问？"]
    assert messages[0]["content"][0]["type"] == "image_url"


def test_a_conversation_too_long_for_the_model_loses_its_oldest_turns(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear, expects=(RESOURCE,))
    choose_sample(page)
    for question in ("这是什么？", "什么颜色？"):
        ask_and_wait(page, question)
    too_long = wire.refusal(400, "对话太长。", "context_length_exceeded")
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**too_long), times=1)
    ask_and_wait(page, "什么材质？")
    *_, refused, answered = wire.conversations(page)
    assert [len(refused), len(answered)] == [5, 3]
    assert answered[0]["content"][1]["text"] == "什么颜色？"


def test_a_conversation_survives_a_reload(open_page: OpenPage) -> None:
    page = open_page(before=wire.overhear)
    choose_sample(page)
    answer = ask_and_wait(page, "这是什么颜色？").locator(".answer").text_content()
    page.locator(".exchange").get_by_label("有帮助", exact=True).click()
    page.fill("#question", "还没问完")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_until_kept(page, 1)
    page.wait_for_timeout(300)
    reload(page)
    exchange = page.locator(".exchange:visible")
    expect(exchange.locator(".question")).to_have_text("这是什么颜色？")
    assert exchange.locator(".answer").text_content() == answer
    expect(exchange.get_by_label("有帮助", exact=True)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.getElementById('photo').naturalWidth") > 400
    ask_and_wait(page, "那它适合送给谁？")  # with the turns and the upload of before
    (messages,) = wire.conversations(page)
    assert messages[1]["content"] == answer
    assert wire.sent(page) == []


def test_a_draft_survives_a_reload_and_stays_with_its_photo(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page, 0)
    ask_and_wait(page, "这是什么？")
    page.fill("#question", "还没问完")
    page.click("#change")
    choose_sample(page, 1)
    expect(page.locator("#question")).to_have_value("")
    page.locator("#shelf button").first.click()
    expect(page.locator("#question")).to_have_value("还没问完")
    hide(page)
    page.wait_for_timeout(500)
    reload(page)
    expect(page.locator("#question")).to_have_value("还没问完")
    page.fill("#question", "")
    hide(page)
    wait_until("the draft is gone", lambda: kept(page)[0]["draft"] == "")


def test_a_page_that_is_closed_before_the_answer_keeps_the_question(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/v1/ask", lambda route: None)  # the answer never comes
    choose_sample(page)
    ask(page, "这是真皮吗？")
    wait_until_kept(page, 1)
    reload(page)
    exchange = page.locator(".exchange:visible")
    expect(exchange.locator(".question")).to_have_text("这是真皮吗？")
    expect(exchange).to_have_attribute("data-state", "stopped")
    expect(exchange.locator(".retry")).to_be_visible()


def test_two_tabs_with_the_same_photo_keep_the_questions_of_both(open_page: OpenPage) -> None:
    page = open_page()
    held: list[Route] = []
    page.route("**/v1/ask", lambda route: held.append(route), times=1)
    choose_sample(page)
    first = ask(page, "这是什么？")
    wait_until_kept(page, 1)
    other = open_page()
    other.locator("#shelf button").first.click()
    expect(other.locator(".exchange:visible")).to_have_attribute("data-state", "stopped")
    held[0].continue_()
    expect(first).to_have_attribute("data-state", "done")
    ask_and_wait(other, "什么颜色？")
    wait_until_kept(other, 2)
    ask_and_wait(page, "什么材质？")
    wait_until("all are kept", lambda: ends(page) == ["stop", "stop", "stop"])
    reload(page)
    questions = ["这是什么？", "什么颜色？", "什么材质？"]
    expect(page.locator(".exchange:visible .question")).to_have_text(questions)


def test_after_a_restart_the_photos_of_before_are_on_the_shelf(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    again = page.context.new_page()
    again.goto(f"{embedded_stack.url}/")
    expect(again.locator("#choose")).to_be_visible()
    again.locator("#shelf button").first.click()
    expect(again.locator(".exchange:visible .question")).to_have_text("这是什么？")


def test_no_more_than_twenty_conversations_are_kept(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    (real,) = kept(page)
    page.evaluate(
        """async () => {
          const request = indexedDB.open("shopsight");
          const database = await new Promise((done) => {
            request.onsuccess = () => done(request.result);
          });
          const change = database.transaction("conversations", "readwrite");
          const store = change.objectStore("conversations");
          const [one] = await new Promise((done) => {
            const all = store.getAll();
            all.onsuccess = () => done(all.result);
          });
          for (let n = 0; n < 25; n++)
            store.put({ ...one, key: `old ${n}`, at: one.at - 1000 + n });
          await new Promise((done) => { change.oncomplete = done; });
          database.close();
        }"""
    )
    ask_and_wait(page, "什么颜色？")
    wait_until_kept(page, 2)
    page.wait_for_timeout(300)
    keys = {record["key"] for record in kept(page)}
    assert len(keys) == 20
    assert real["key"] in keys
    assert "old 0" not in keys


# `begun` so many days ago, and used today.
_AGE = """async (days) => {
  const request = indexedDB.open("shopsight");
  const database = await new Promise((done) => {
    request.onsuccess = () => done(request.result);
  });
  const change = database.transaction("conversations", "readwrite");
  const all = change.objectStore("conversations").getAll();
  all.onsuccess = () => {
    const [one] = all.result;
    change.objectStore("conversations").put({ ...one, begun: Date.now() - days * 86_400_000 });
  };
  await new Promise((done) => { change.oncomplete = done; });
  database.close();
}"""


@pytest.mark.parametrize("days", [29, 31])
def test_what_is_too_old_is_deleted_when_the_page_opens(open_page: OpenPage, days: int) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    page.evaluate(_AGE, days)
    page.click("#change")
    reload(page)
    expect(page.locator("#shelf")).to_be_visible(visible=days < 30)
    assert len(kept(page)) == (1 if days < 30 else 0)


def test_what_is_too_old_is_deleted_when_something_else_is_kept(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    page.evaluate(_AGE, 31)
    page.click("#change")
    choose_sample(page, 1)
    ask_and_wait(page, "什么颜色？")
    for _ in range(100):
        asked = [each["question"] for record in kept(page) for each in record["exchanges"]]
        if asked == ["什么颜色？"]:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"kept: {asked}")


def test_back_returns_to_picking_and_forward_to_the_conversation(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page, 0)
    ask_and_wait(page, "这是什么？")
    page.go_back()
    expect(page.locator("#choose")).to_be_visible()
    page.go_forward()
    expect(page.locator(".exchange:visible .question")).to_have_text("这是什么？")
    page.click("#change")
    expect(page.locator("#choose")).to_be_visible()


def test_where_storage_is_forbidden_the_page_works_without_a_memory(open_page: OpenPage) -> None:
    forbid = """for (const name of ["localStorage", "indexedDB"])
      Object.defineProperty(window, name, {
        get() { throw new DOMException("denied", "SecurityError"); } })"""
    page = open_page(before=lambda page: page.add_init_script(forbid))
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    ask_and_wait(page, "什么颜色？")


@pytest.mark.parametrize(("button", "erased"), [("history", False), ("all", True)])
def test_history_and_all_data_are_deleted_in_one_place(
    open_page: OpenPage, button: str, erased: bool
) -> None:
    page = open_page()
    erasures: list[int] = []
    page.on(
        "response",
        lambda response: (
            erasures.append(response.status) if response.request.method == "DELETE" else None
        ),
    )
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    page.click("#privacy")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("最多保存一天")
    act = dialog.locator(f"[data-act={button}]")
    act.dblclick()
    expect(act).to_have_text("再点一次，确认删除")
    expect(act).to_have_attribute("aria-disabled", "false")
    assert kept(page) != []  # neither the first press nor a double one deletes anything
    act.click()
    expect(dialog.get_by_role("status")).to_contain_text("已删除" if not erased else "都已删除")
    assert kept(page) == []
    assert erasures == ([200] if erased else [])
    dialog.locator("[data-act=close]").click()
    expect(page.locator("#choose")).to_be_visible()
    expect(page.locator("#shelf")).to_be_hidden()
    reload(page)
    expect(page.locator("#shelf")).to_be_hidden()


def test_what_is_deleted_in_one_tab_does_not_come_back_from_another(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    wait_until_kept(page, 1)
    other = open_page()
    other.locator("#shelf button").first.click()
    expect(other.locator(".exchange:visible")).to_have_count(1)
    page.click("#privacy")
    act = page.locator("[data-act=history]")
    act.click()
    act.click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("已删除")
    expect(other.locator("#choose")).to_be_visible()
    expect(other.locator("#shelf")).to_be_hidden()
    hide(other)
    assert kept(other) == []


def test_a_photo_is_kept_for_improvement_only_with_consent(open_page: OpenPage) -> None:
    page = open_page()
    uploads: list[str] = []
    page.on(
        "request",
        lambda request: (
            uploads.append(request.url.partition("/v1/images")[2])
            if "/v1/images" in request.url
            else None
        ),
    )
    choose_sample(page, 0)
    ask_and_wait(page, "这是什么？")
    page.click("#privacy")
    page.get_by_role("checkbox").check()
    page.locator("[data-act=close]").click()
    page.click("#change")
    choose_sample(page, 1)
    ask_and_wait(page, "这是什么？")
    assert uploads == ["", "?consent=improve"]
    page.click("#privacy")
    expect(page.get_by_role("checkbox")).to_be_checked()
