"""What the page's tests fake or watch at the wire: the API's answers, photos on their way to it."""

import json
from typing import Any

from playwright.sync_api import Page

# Chromium does not show Playwright the files in a body, so what the page sends is overheard.
_OVERHEAR = """
window.sent = [];
window.photos = [];
window.asked = [];
window.conversations = [];
const original = window.fetch;
const look = async (photo) => {
  window.photos.push(photo);
  const hash = await crypto.subtle.digest("SHA-256", await photo.arrayBuffer());
  const sha256 = [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const { width, height } = await createImageBitmap(photo, { imageOrientation: "none" });
  window.sent.push({ size: photo.size, type: photo.type, name: photo.name, sha256, width, height });
};
window.fetch = async (address, options = {}) => {
  if (options.body instanceof Blob) await look(options.body);
  if (options.body instanceof FormData && String(address).includes("v1/ask")) {
    window.asked.push(Object.fromEntries([...options.body].filter(([name]) => name !== "photo")));
    if (options.body.has("photo")) await look(options.body.get("photo"));
  }
  if (String(address).includes("chat")) window.conversations.push(JSON.parse(options.body));
  return original(address, options);
};
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
  look(body).finally(() => send.call(this, body));
};
"""


# The page's requests for cards do not reach the API: a test writes their answers, piece by piece.
_CARDS = """
window.cards = [];
window.order = [];
const fetched = window.fetch;
window.fetch = async (address, options = {}) => {
  const name = String(address).split("v1/").pop();
  if (name !== "products/card") {
    if (options.method === "POST") window.order.push(name);
    return fetched(address, options);
  }
  const card = { form: Object.fromEntries(options.body), aborted: false };
  window.cards.push(card);
  window.order.push("card");
  const body = new ReadableStream({ start(controller) {
    card.write = (text) => controller.enqueue(new TextEncoder().encode(text));
    card.end = () => controller.close();
    options.signal.addEventListener("abort", () => {
      card.aborted = true;
      window.order.push("aborted");
      controller.error(options.signal.reason);
    });
  } });
  if (AT_ONCE) {
    card.write(AT_ONCE);
    card.end();
  }
  // As a network does: a page that asks without end can still be looked at.
  await new Promise((done) => setTimeout(done));
  return new Response(body);
};
"""
# A card that was blocked.
NOTHING_KNOWN = 'data: {"object":"product.card","card":null}\n\ndata: [DONE]\n\n'


def answer_cards(page: Page, at_once: str = "") -> None:
    """Before the load: `window.cards` are those that were asked for. Each gets the stream
    `at_once`, or what `write_card` writes."""
    page.add_init_script(f"const AT_ONCE = {json.dumps(at_once)};" + _CARDS)


def end_card(page: Page, number: int, text: str) -> None:
    """The last events of a card that is no whole one."""
    page.evaluate(
        "([number, text]) => { cards[number].write(text); cards[number].end(); }", [number, text]
    )


def write_card(
    page: Page,
    number: int,
    fields: dict[str, Any],
    *,
    end: bool = False,
    calibrated: bool = True,
) -> None:
    """`fields`: value and confidence by name; with `end` the last ones."""
    text = "".join(
        _event(
            {
                "object": "product.card.field",
                "field": name,
                "value": value,
                "confidence": sure,
                "calibrated": calibrated,
            }
        )
        for name, (value, sure) in fields.items()
    )
    write = """async ([number, text, fields, end, calibrated]) => {
      for (let tries = 0; !window.cards[number]; tries++) {
        if (tries === 1500) throw new Error(`card ${number} was not asked for within 15 s`);
        await new Promise((done) => setTimeout(done, 10));
      }
      const card = window.cards[number];
      card.fields = { ...card.fields, ...fields };
      card.write(text);
      if (!end) return;
      const told = Object.entries(card.fields);
      const whole = Object.fromEntries(told.map(([name, [value]]) => [name, value]));
      whole.confidence = Object.fromEntries(told.map(([name, [, sure]]) => [name, sure]));
      const event = { object: "product.card", card: whole, calibrated };
      card.write(`data: ${JSON.stringify(event)}\\n\\ndata: [DONE]\\n\\n`);
      card.end();
    }"""
    page.evaluate(write, [number, text, fields, end, calibrated])


def _event(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event)}\n\n"


def overhear(page: Page) -> None:
    """Before the load: from now on `sent` tells which photos went up (in the page they are
    `photos`), `asked` what was asked."""
    page.add_init_script(_OVERHEAR)


def sent(page: Page) -> list[dict[str, Any]]:
    uploads: list[dict[str, Any]] = page.evaluate("window.sent")
    return uploads


def asked(page: Page) -> list[dict[str, str]]:
    """The forms of questions, their photos left out."""
    forms: list[dict[str, str]] = page.evaluate("window.asked")
    return forms


def conversations(page: Page) -> list[list[dict[str, Any]]]:
    """The messages of questions that had turns before them."""
    bodies: list[dict[str, Any]] = page.evaluate("window.conversations")
    return [body["messages"] for body in bodies]


def chunk(text: str = "", reason: str | None = None) -> str:
    delta = {"content": text} if text else {}
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return f"data: {json.dumps({'id': 'c1', 'model_revision': 'r1', 'choices': choices})}\n\n"


def error_event(message: str, code: str) -> str:
    error = {"message": message, "type": "server_error", "code": code, "param": None}
    return f"data: {json.dumps({'error': error})}\n\n"


DONE = "data: [DONE]\n\n"


def answer_with(page: Page, *responses: dict[str, Any]) -> list[str]:
    """The next questions get these responses, the later ones the real API's. → Accept-Languages."""
    waiting = list(responses)
    languages: list[str] = []

    def handle(route: Any) -> None:
        languages.append(route.request.headers.get("accept-language", ""))
        if waiting:
            route.fulfill(**waiting.pop(0))
        else:
            route.continue_()

    page.route("**/v1/ask", handle)
    return languages


def stream(*events: str, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "status": 200,
        "headers": {"content-type": "text/event-stream", **named},
        "body": "".join(events),
    }


def refusal(status: int, message: str, code: str, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"message": message, "type": "server_error", "code": code, "param": None}
    return {
        "status": status,
        "headers": {"content-type": "application/json", **named},
        "body": json.dumps({"error": error}),
    }
