"""The page as an app: without a network, with shared photos, and where none of that works."""

from playwright.sync_api import Page, expect

from gateway.cli.embedded import Stack
from tests.browser.conftest import OpenPage
from tests.browser.network import network_to
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.support.servers import wait_until

_SHARE = """async () => {
  const canvas = new OffscreenCanvas(300, 200);
  canvas.getContext("2d").fillRect(0, 0, 150, 200);
  const form = new FormData();
  const photo = await canvas.convertToBlob({ type: "image/png" });
  form.append("photo", new File([photo], "from-the-gallery.png", { type: "image/png" }));
  return (await fetch("share", { method: "POST", body: form })).url;
}"""


def install(page: Page) -> None:
    """As after the first answer of a visit, and a load of all that the page consists of."""
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    page.wait_for_selector("body:not([data-settling])")
    page.wait_for_load_state("networkidle")


def test_without_a_network_the_page_opens_with_what_it_remembers(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    with network_to(embedded_stack.url) as network:
        told = ("Failed to load resource", "Failed to fetch", "ERR_")
        page = open_page(site=network.url, service_workers="allow", expects=told)
        install(page)
        network.lose()
        page.reload()
        page.wait_for_selector("body:not([data-settling])")
        expect(page.locator(".exchange:visible .question")).to_have_text("这是什么？")


def test_a_first_visit_is_enough_to_open_without_a_network(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    with network_to(embedded_stack.url) as network:
        told = ("Failed to load resource", "Failed to fetch", "ERR_")
        page = open_page(site=network.url, service_workers="allow", expects=told)
        choose_sample(page)
        ask_and_wait(page, "这是什么？")
        page.evaluate("navigator.serviceWorker.ready")
        whole = """async () => {
          const names = ["./", "app.js", "shelf.js", "privacy.css", "thumbs.css", "words/zh.js"];
          const cache = await caches.open("shopsight-shell");
          return (await Promise.all(names.map((name) => cache.match(name)))).every(Boolean)
            && localStorage.getItem("shopsight.kept");
        }"""
        wait_until("kept", lambda: page.evaluate(whole))
        context = page.context
        page.close()
        network.lose()
        again = context.new_page()
        again.goto(f"{network.url}/")
        again.wait_for_selector("body:not([data-settling])")
        again.locator("#shelf button").first.click()
        expect(again.locator(".exchange:visible .question")).to_have_text("这是什么？")
        expect(again.locator(".exchange:visible .timing")).to_be_visible()


def installed_without_room(open_page: OpenPage, url: str) -> Page:
    page = open_page(service_workers="allow", expects=("Quota",))
    install(page)
    limit = {"origin": url, "quotaSize": 1000}
    page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", limit)
    return page


def test_what_the_network_brings_counts_though_there_is_no_room_to_keep_it(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    page = installed_without_room(open_page, embedded_stack.url)
    fetched = """(range) => fetch("samples/red-dotted-umbrella.jpg", { headers: range }).then(
      (response) => response.status, (error) => String(error))"""
    assert page.evaluate(fetched, {}) == 200
    assert page.evaluate(fetched, {"range": "bytes=0-9"}) == 206
    page.reload()
    page.wait_for_selector("body:not([data-settling])")


def test_a_shared_photo_that_cannot_be_left_is_told(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    page = installed_without_room(open_page, embedded_stack.url)
    page.goto(page.evaluate(_SHARE))
    expect(page.locator("#photo-problem")).to_contain_text("读不到这个文件")


def test_a_shared_photo_is_on_the_screen_at_once(
    open_page: OpenPage, embedded_stack: Stack
) -> None:
    page = open_page(service_workers="allow")
    install(page)
    url = page.evaluate(_SHARE)
    assert url == f"{embedded_stack.url}/?shared"
    page.goto(url)
    expect(page.locator("#composer")).to_be_visible()
    assert page.evaluate("[photo.naturalWidth, photo.naturalHeight]") == [300, 200]
    assert page.evaluate("location.search") == ""  # a reload does not take it again


def test_the_manifest_can_be_read_and_names_the_share(open_page: OpenPage) -> None:
    page = open_page()
    choose_sample(page)
    ask_and_wait(page, "这是什么？")
    expect(page.locator("link[rel=manifest]")).to_have_count(1)
    manifest = page.evaluate("fetch('manifest.json').then((response) => response.json())")
    assert manifest["share_target"]["action"] == "share"
    size = """async (source) => {
      const picture = Object.assign(new Image(), { src: source });
      await picture.decode();
      return `${picture.naturalWidth}x${picture.naturalHeight}`;
    }"""
    drawn, *icons = manifest["icons"]
    assert drawn["sizes"] == "any"
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        assert page.evaluate(size, icon["src"]) == icon["sizes"]


def test_on_a_plain_address_what_needs_https_is_hidden(open_page: OpenPage) -> None:
    insecure = "Object.defineProperty(window, 'isSecureContext', { value: false });"
    insecure += "Object.defineProperty(navigator, 'share', { value: undefined });"
    page = open_page(before=lambda page: page.add_init_script(insecure))
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    expect(exchange.locator(".timing")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("link[rel=manifest]")).to_have_count(0)
    expect(exchange.get_by_label("分享回答")).to_have_count(0)


def test_an_answer_is_read_aloud_and_shared(open_page: OpenPage) -> None:
    fakes = """window.spoken = []; window.shared = [];
      Object.defineProperty(window, "speechSynthesis", { value: {
        speaking: false,
        cancel() { this.speaking = false; },
        speak(each) { this.speaking = true; spoken.push([each.text, each.lang]); },
      } });
      window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
      navigator.share = async (data) => { shared.push(data.text); };"""
    page = open_page(before=lambda page: page.add_init_script(fakes))
    choose_sample(page)
    exchange = ask_and_wait(page, "这是什么？")
    answer = exchange.locator(".answer").text_content()
    exchange.get_by_label("朗读回答").click()
    assert page.evaluate("spoken") == [[answer, "zh-CN"]]
    exchange.get_by_label("分享回答").click()
    assert page.evaluate("shared") == [f"这是什么？\n{answer}"]
    ask_and_wait(page, "什么颜色？").get_by_label("朗读回答").click()
    assert len(page.evaluate("spoken")) == 2  # another answer instead
    page.click("#change")
    expect(page.locator("#choose")).to_be_visible()
    assert page.evaluate("speechSynthesis.speaking") is False
