"""Every state of the shopper's page, each reached as a shopper reaches it. Failures and cards are
put there at the wire."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.browser import wire
from tests.browser.shopper import choose_sample

CARDS: dict[str, dict[str, Any]] = {
    "zh": {
        "category": ("手提包", 0.97),
        "materials": (["皮革"], 0.91),
        "style": ("复古", 0.6),
        "audience": (["妈妈"], 0.88),
        "colours": (["棕色"], 0.98),
        "occasions": (["通勤"], 0.85),
        "not_visible": (["brand"], 0.95),
    },
    "en": {
        "category": ("handbag", 0.97),
        "materials": (["leather"], 0.91),
        "style": ("vintage", 0.6),
        "audience": (["mothers"], 0.88),
        "colours": (["brown"], 0.98),
        "occasions": (["commuting"], 0.85),
        "not_visible": (["brand"], 0.95),
    },
}
DRESS: dict[str, dict[str, Any]] = {
    "zh": {
        "category": ("连衣裙", 0.96),
        "materials": (["缎面"], 0.84),
        "style": ("优雅", 0.82),
        "audience": (["年轻女性"], 0.7),
        "colours": (["紫色"], 0.98),
        "occasions": (["聚会"], 0.81),
    },
    "en": {
        "category": ("dress", 0.96),
        "materials": (["satin"], 0.84),
        "style": ("elegant", 0.82),
        "audience": (["young women"], 0.7),
        "colours": (["purple"], 0.98),
        "occasions": (["parties"], 0.81),
    },
}
LONG = {"zh": "这款包的肩带有多长？", "en": "How long is its strap, and can it be replaced? "}
LIMITED = {
    "zh": "提问太多了，请稍后再试。",
    "en": "Too many questions; please try again later.",
}


@dataclass(frozen=True)
class State:
    name: str
    title: str
    reach: Callable[[Page, str], object]
    """With the page's language, "zh" or "en", from the loaded page."""
    before: Callable[[Page], object] = lambda page: None
    """Before the load."""
    at_end: bool = False
    """Whether its shopper has scrolled down."""


def answered(page: Page, number: int = 0) -> None:
    done = page.locator('.conversation:not([hidden]) .exchange[data-state="done"]')
    before = done.count()
    page.locator(".chip").nth(number).click()
    done.nth(before).wait_for()


def with_card(page: Page, language: str) -> None:
    choose_sample(page)
    wire.write_card(page, 0, CARDS[language], end=True)
    page.locator(".product:visible").wait_for()


def with_answer(page: Page, language: str) -> None:
    with_card(page, language)
    answered(page, 1)
    page.locator("[data-vote=down]:visible").click()
    page.locator(".reason:visible").wait_for()


def with_two(page: Page, language: str) -> None:
    with_card(page, language)
    page.click("#compare")
    choose_sample(page, 4)
    page.locator("#photo-2").wait_for()
    wire.write_card(page, 1, DRESS[language], end=True)
    page.get_by_text(DRESS[language]["category"][0], exact=True).wait_for()


def second_is_picked(page: Page, language: str) -> None:
    with_card(page, language)
    page.click("#compare")
    page.locator("#cancel:visible").wait_for()


def silent(page: Page, language: str) -> None:
    with_card(page, language)
    page.route("**/v1/ask", lambda route: None)
    page.locator(".chip").nth(1).click()
    page.locator(".patience:visible").wait_for()


def pinned(page: Page, language: str) -> None:
    with_card(page, language)
    for _ in range(4):
        answered(page)


def limited(page: Page, language: str) -> None:
    with_card(page, language)
    refusal = wire.refusal(429, LIMITED[language], "rate_limited", retry_after="40")
    page.route("**/v1/ask", lambda route: route.fulfill(**refusal))
    page.locator(".chip").nth(1).click()
    page.locator('.exchange[data-state="failed"]').wait_for()


def too_long(page: Page, language: str) -> None:
    with_card(page, language)
    page.fill("#question", LONG[language] * 220)


def framed(page: Page, language: str) -> None:
    with_card(page, language)
    page.click("#crop")
    page.locator(".crop-frame").wait_for()


def privacy(page: Page, language: str) -> None:
    page.click("#privacy")
    page.get_by_role("dialog").wait_for()


def no_photo(page: Page, language: str) -> None:
    text: Any = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    page.set_input_files("#photo-file", text)
    page.locator("#photo-problem:visible").wait_for()


def deny(page: Page) -> None:
    error = {"message": "?", "type": "invalid_request_error", "code": "invalid_api_key"}
    body = json.dumps({"error": error})
    page.route("**/v1/models", lambda route: route.fulfill(status=401, body=body))


STATES = (
    State("picking", "A photo is chosen", lambda page, language: None),
    State("card", "The product card has appeared", with_card, at_end=True),
    State("answered", "An answer, and a thumb down", with_answer, at_end=True),
    State("second", "A second photo is chosen", second_is_picked),
    State("compared", "Two photos side by side", with_two, at_end=True),
    State("pinned", "The conversation has scrolled the photo away", pinned, at_end=True),
    State("part", "A part of the photo is framed", framed),
    State("silent", "Nothing has come for five seconds", silent, at_end=True),
    State("limited", "A limit, with its time", limited, at_end=True),
    State("too-long", "A question that is too long", too_long),
    State("no-photo", "A file that is no photo", no_photo),
    State("closed", "Only apps with a key are answered", lambda page, language: None, deny),
    State("privacy", "Privacy and my data", privacy),
)
