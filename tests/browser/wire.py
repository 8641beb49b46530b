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
  if (options.body instanceof FormData) {
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
