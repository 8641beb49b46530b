"""How the page's files come: small, revalidated, with the headers that forbid foreign scripts."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.api.page import HEADERS
from gateway.app import create_app
from gateway.config import Settings
from tests.support import ROOT


@pytest.fixture
def page() -> httpx.AsyncClient:
    """The gateway's files over ASGI, without a lifespan: none of its parts is needed for them."""
    app = create_app(Settings(web_dir=ROOT / "web"), CollectorRegistry())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_code_and_lists_come_compressed_and_photos_as_they_are(
    page: httpx.AsyncClient,
) -> None:
    for file in ("", "app.js", "theme.css", "samples/strip.json"):
        response = await page.get(f"/{file}")
        assert response.headers["content-encoding"] == "gzip", file
        assert response.headers["vary"] == "Accept-Encoding"
        assert HEADERS.items() <= dict(response.headers).items()
    photo = await page.get("/samples/brown-leather-handbag.jpg")
    assert "content-encoding" not in photo.headers
    plain = await page.get("/app.js", headers={"accept-encoding": "identity"})
    assert plain.content == (ROOT / "web" / "app.js").read_bytes()


async def test_a_file_that_has_not_changed_is_not_sent_again(page: httpx.AsyncClient) -> None:
    first = await page.get("/app.js")
    again = await page.get("/app.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("wrong", ["bytes=abc", "bytes=9999999-", "bytes=5-2"])
async def test_a_part_that_a_file_does_not_have_is_an_error_like_others(
    page: httpx.AsyncClient, wrong: str
) -> None:
    part = await page.get("/app.js", headers={"range": "bytes=0-9", "accept-encoding": "identity"})
    assert (part.status_code, len(part.content)) == (206, 10)
    for path in ("/", "/app.js", "/samples/brown-leather-handbag.jpg"):
        response = await page.get(path, headers={"range": wrong})
        assert response.status_code == 416, path
        assert response.json()["error"]["code"] == "range_not_satisfiable"


async def test_a_range_that_means_nothing_here_is_passed_over(page: httpx.AsyncClient) -> None:
    whole = await page.get("/app.js", headers={"range": "lines=1-2", "accept-encoding": "identity"})
    assert (whole.status_code, whole.content) == (200, (ROOT / "web" / "app.js").read_bytes())
    head = await page.head("/app.js", headers={"range": "bytes=9999999-"})
    assert head.status_code == 200
