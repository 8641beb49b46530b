"""A real browser on a page of another origin: a listed one uploads, asks and reads all that it is
told, another one's browser keeps the answer from it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gateway.cli.embedded import free_port
from tests.support.servers import gateway_server, served
from tests.support.stub_replica import stub_replica

# Uploads a drawn picture and asks about it, as a partner's page would.
ASK = """
async ([shop, form]) => {
  const canvas = new OffscreenCanvas(64, 48);
  canvas.getContext("2d").fillRect(8, 8, 20, 20);
  const photo = await canvas.convertToBlob({ type: "image/png" });
  const upload = await fetch(`${shop}/v1/images`, { method: "POST", body: photo });
  const { id } = await upload.json();
  const session = upload.headers.get("x-shopsight-session");
  const asked = await fetch(`${shop}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-shopsight-session": session },
    body: JSON.stringify({ image_id: id, prompt: "what?" }),
  });
  const { text } = await asked.json();
  const refused = await fetch(`${shop}/v1/ask`, { method: "POST", body: new FormData() });
  return {
    text, cache: asked.headers.get("x-cache"), interaction: asked.headers.get("x-interaction-id"),
    refused: refused.status, code: (await refused.json()).error.code,
  };
}
"""


def blank() -> Starlette:
    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>partner</title>")

    return Starlette(routes=[Route("/", page)])


@pytest.fixture
def partner() -> Iterator[str]:
    with served(blank()) as url:
        yield url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as context:
        yield context.new_page()


@pytest.fixture
def shop(partner: str, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    with (
        stub_replica() as stub,
        gateway_server(
            tmp_path, replicas=stub.url, allowed_origins=partner, image_dir=tmp_path / "images"
        ) as url,
    ):
        yield lambda host: url.replace("127.0.0.1", host)


def test_a_listed_page_uploads_asks_and_reads_headers(
    page: Page, partner: str, shop: Callable[[str], str]
) -> None:
    page.goto(partner)
    # By another name of the host, so that it is another site, too.
    told = page.evaluate(ASK, [shop("localhost"), None])
    assert told["text"] == "关于「What?」:好"
    assert told["cache"] == "miss"
    assert len(told["interaction"]) == 36
    assert (told["refused"], told["code"]) == (400, "invalid_field")


def test_another_page_s_browser_gets_nothing(page: Page, shop: Callable[[str], str]) -> None:
    with served(blank(), port=free_port()) as stranger:
        page.goto(stranger)
        failed = page.evaluate(
            "(ask) => eval(ask[0])(ask[1]).then(() => 'answered', (error) => error.name)",
            [ASK, [shop("localhost"), None]],
        )
    assert failed == "TypeError"
