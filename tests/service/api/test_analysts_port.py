"""Reports and photos on the port of administration."""

import base64
from pathlib import Path
from typing import Any

import httpx

from contract.images import EncodedImage, check_image
from tests.support.asking import photo
from tests.support.servers import gateway_process
from tests.support.stub_replica import StubReplica

TOKEN = "a-token-of-administration"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=40)


def test_reports_and_photos_are_for_who_has_the_token(tmp_path: Path, stub: StubReplica) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    name = "week-2026-W45.zh.html"
    (reports / name).write_text("<!doctype html>周报", encoding="utf-8")
    (tmp_path / "secret.html").write_text("secret")
    settings: dict[str, Any] = {
        "REPLICAS": stub.url,
        "ADMIN_TOKEN": TOKEN,
        "REPORT_DIR": str(reports),
        "IMAGE_DIR": str(tmp_path / "images"),
    }
    with gateway_process(tmp_path, **settings) as gateway:
        admin = gateway.admin
        shown, hidden, gone = photo(1), photo(2), photo(3)
        upload = {"content": shown, "headers": {"content-type": "image/jpeg"}}
        sent = httpx.post(f"{gateway.url}/v1/images?consent=improve", **upload)
        assert sent.status_code == 201, sent.text
        httpx.post(f"{gateway.url}/v1/images", **(upload | {"content": hidden}))

        for path in ("reports", f"reports/{name}", f"photos/{digest(shown)}"):
            for headers in ({}, basic("wrong"), {"authorization": "Bearer wrong"}):
                refused = get(f"{admin}/{path}", **headers)
                assert refused.status_code == 401, path
                assert refused.headers["www-authenticate"].startswith("Basic"), "a browser asks"
            for headers in (BEARER, basic(TOKEN)):
                assert get(f"{admin}/{path}", **headers).status_code == 200, path
        assert get(f"{admin}/weights", **basic(TOKEN)).status_code == 401, "only what is read"

        assert name in get(f"{admin}/reports", **BEARER).text
        report = get(f"{admin}/reports/{name}", **BEARER)
        assert report.text == "<!doctype html>周报"
        assert "sandbox" in report.headers["content-security-policy"]
        for odd in ("..%2Fsecret.html", "secret.html", "week-2026-W44.zh.html"):
            assert get(f"{admin}/reports/{odd}", **BEARER).status_code in (400, 404), odd

        found = get(f"{admin}/photos/{digest(shown)}", **BEARER)
        assert found.headers["content-type"] == "image/jpeg"
        assert digest(found.content) == digest(shown)
        for data, why, words in ((hidden, "no-consent", "未同意"), (gone, "not-kept", "不再保存")):
            none = get(f"{admin}/photos/{digest(data)}", **BEARER, **{"accept-language": "zh"})
            assert (none.status_code, none.headers["x-why"]) == (404, why)
            assert none.headers["content-type"] == "image/svg+xml"
            assert words in none.text
        of_another = get(f"{admin}/photos/{digest(shown)}?tenant=boutique", **BEARER)
        assert of_another.headers["x-why"] == "not-kept"


def digest(data: bytes) -> str:
    return check_image(EncodedImage(data)).facts.digest
