"""What a shopper does on the page, in the words of the tests."""

from playwright.sync_api import Locator, Page, expect


def choose_sample(page: Page, number: int = 0) -> None:
    page.locator("#samples").scroll_into_view_if_needed()  # they come when they would be seen
    page.locator(".sample").nth(number).click()
    expect(page.locator("#composer")).to_be_visible()


def wait_for_models(page: Page) -> None:
    """Before the load. The page waits 400 ms for what the API tells of its models: here it waits
    for longer, since a busy machine takes more."""
    page.add_init_script("""const later = window.setTimeout;
      window.setTimeout = (call, ms, ...rest) => later(call, ms === 400 ? 20_000 : ms, ...rest);""")


def ask(page: Page, question: str) -> Locator:
    """Type a question and send it. → its exchange, which may still be going on."""
    page.fill("#question", question)
    page.click("#send")
    return page.locator(".conversation:not([hidden]) .exchange").last


def ask_and_wait(page: Page, question: str, state: str = "done") -> Locator:
    exchange = ask(page, question)
    expect(exchange).to_have_attribute("data-state", state)
    return exchange
