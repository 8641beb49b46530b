"""The sample project examples/my-shop, run as its page says, against a gateway and a replica."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, func, select

from contract.errors import InvalidField
from gateway.cli.embedded import free_port
from gateway.log.schema.tables import interactions
from tests.support import ROOT
from tests.support.servers import forwarded, running, wait_until
from tests.support.stub_replica import StubReplica

SHOP = ROOT / "examples" / "my-shop" / "shop.py"
PRODUCT = "brown-leather-handbag"
ODD_NAME = "红色 bag #1%"
# Long enough for two questions, short enough to wait for its end.
UPLOAD_LIVES_S = 2


@pytest.fixture
def shop(
    start_gateway: Callable[..., str], stub: StubReplica, tmp_path: Path
) -> Iterator[httpx.Client]:
    gateway = start_gateway(replicas=(stub.url,), image_ttl_s=UPLOAD_LIVES_S)
    photos = shutil.copytree(ROOT / "web" / "samples", tmp_path / "photos")
    shutil.copy(photos / f"{PRODUCT}.jpg", photos / f"{ODD_NAME}.jpg")
    port = str(free_port())
    env = {"SHOPSIGHT": gateway, "PORT": port, "PHOTOS": str(photos)}
    with (
        running([sys.executable, str(SHOP)], tmp_path / "shop", **env),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):

        def up() -> bool:
            try:
                return client.get("/").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("shop", up)
        yield client


def asked(shop: httpx.Client, question: str, product: str = PRODUCT) -> str:
    return shop.post("/", data={"product": product, "question": question}).text


def test_the_shop_fits_on_a_page() -> None:
    assert len(SHOP.read_text().splitlines()) <= 60


def test_a_photo_may_have_any_name(shop: httpx.Client) -> None:
    sources = re.findall(r'src="([^"]+)"', shop.get("/").text)
    assert len(sources) > 1
    assert all(shop.get(source).content[:2] == b"\xff\xd8" for source in sources)
    assert "关于「好看吗？」" in asked(shop, "好看吗？", ODD_NAME)


def test_a_shopper_sees_products_and_asks(
    shop: httpx.Client, stub: StubReplica, tmp_path: Path
) -> None:
    assert f"/photo/{PRODUCT}" in shop.get("/").text
    assert shop.get(f"/photo/{PRODUCT}").content[:2] == b"\xff\xd8"
    assert "关于「这是真皮吗？」" in asked(shop, "这是真皮吗？")
    assert "关于「这是真皮吗？」" in asked(shop, "这是真皮吗？")
    assert len(stub.calls) == 1  # the second answer is the cache's
    assert "We do not sell that." in asked(shop, "?", "../../etc/passwd")
    assert escape(InvalidField.en) in asked(shop, "x" * 2001)
    assert "<script>" not in asked(shop, "<script>?")

    time.sleep(UPLOAD_LIVES_S)
    assert "关于「好看吗？」" in asked(shop, "好看吗？")

    url = f"sqlite:///{tmp_path / 'log.db'}"
    wait_until("the log", lambda: forwarded(url))
    engine = create_engine(url)
    with engine.connect() as connection:
        uploads = connection.scalar(
            select(func.count()).where(
                interactions.c.kind == "upload", interactions.c.outcome == "answered"
            )
        )
    engine.dispose()
    assert uploads == 2
