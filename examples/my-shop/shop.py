"""My shop: a page of products. A shopper asks about one, and Shopsight looks at its photo."""

import os
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

import httpx

SHOPSIGHT = os.environ.get("SHOPSIGHT", "http://127.0.0.1:8080")
KEY = os.environ.get("SHOPSIGHT_API_KEY", "")
PHOTOS = sorted(Path(os.environ.get("PHOTOS", "web/samples")).glob("*.jpg"))
PRODUCTS = {path.stem: path for path in PHOTOS}
HEADERS = {"authorization": f"Bearer {KEY}"} if KEY else {}  # without one: a cookie
shopsight = httpx.Client(base_url=SHOPSIGHT, headers=HEADERS, timeout=60, trust_env=False)
uploads: dict[str, str] = {}  # by product: each photo is sent once, and asked about by its id


def ask(name: str, question: str) -> str:
    if name not in uploads:
        photo = shopsight.post("/v1/images", content=PRODUCTS[name].read_bytes()).json()
        if "error" in photo:
            return photo["error"]["message"]
        uploads[name] = photo["id"]
    asked = {"image_id": uploads[name], "prompt": question}
    answer = shopsight.post("/v1/chat/completions", json=asked).json()
    if answer.get("error", {}).get("code") == "image_not_found":  # an upload lives for a day
        del uploads[name]
        return ask(name, question)
    return answer["error"]["message"] if "error" in answer else answer["text"]


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        photo = PRODUCTS.get(unquote(self.path).removeprefix("/photo/"))
        self.reply(photo.read_bytes() if photo else page(), "image/jpeg" if photo else "text/html")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        name, question = form.get("product", [""])[0], form.get("question", [""])[0]
        answer = ask(name, question) if name in PRODUCTS else "We do not sell that."
        self.reply(page(f"<p><b>{escape(question)}</b><br>{escape(answer)}</p>"), "text/html")

    def reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)


def page(answer: str = "") -> bytes:
    form = """<form method=post><img src="/photo/{1}" width=160><br>{0} <input name=question>
        <input type=hidden name=product value="{0}"><button>Ask</button></form>"""
    products = "".join(form.format(escape(name), quote(name)) for name in PRODUCTS)
    return f"<!doctype html><title>My shop</title><h1>My shop</h1>{answer}{products}".encode()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8090))), Shop).serve_forever()
