"""What happens to a photo on the phone before it is uploaded."""

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.shopper import ask_and_wait, choose_sample
from tests.browser.wire import asked, conversations, overhear, refusal, sent

ORIENTATION = 0x0112
QUESTION = "这是什么？"
SAMPLE = "web/samples/brown-leather-handbag.jpg"


def _picture(width: int, height: int) -> Image.Image:
    """Left half red, right half blue: a wrong turn shows."""
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    picture.paste((30, 30, 200), (width // 2, 0, width, height))
    return picture


def _noisy(width: int, height: int) -> Image.Image:
    coarse = Image.frombytes("RGB", (width // 2, height // 2), os.urandom(width * height * 3 // 4))
    return Image.blend(_picture(width, height), coarse.resize((width, height)), 0.25)


def _upload(page: Page, name: str, data: bytes, mime: str = "image/jpeg") -> dict[str, Any]:
    page.set_input_files("#photo-file", {"name": name, "mimeType": mime, "buffer": data})
    expect(page.locator("#composer")).to_be_visible()
    ask_and_wait(page, QUESTION)
    (photo,), (form,) = sent(page), asked(page)
    assert form["question"] == QUESTION
    assert form["stream"] == "true"
    assert form["image_id"].startswith("img_")
    return photo


def test_a_big_turned_photo_goes_up_small_and_upright(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    bodies = []
    page.on(
        "request", lambda request: bodies.append(request) if "v1/images" in request.url else None
    )
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # a phone held upright: the picture is to be turned right by 90°
    file = BytesIO()
    _noisy(4000, 3000).save(file, "JPEG", quality=95, exif=exif)
    assert file.tell() > 5_000_000

    photo = _upload(page, "IMG_0042.jpg", file.getvalue())
    assert (photo["width"], photo["height"]) == (1200, 1600)
    assert photo["type"] == "image/jpeg"
    assert photo["name"] is None  # the shopper's file name stays on the phone
    (request,) = bodies
    body = int(request.all_headers()["content-length"])
    assert photo["size"] == body < 900_000
    corners = page.evaluate(
        """async () => {
          const picture = await createImageBitmap(window.photos[0]);
          const canvas = new OffscreenCanvas(picture.width, picture.height);
          const context = canvas.getContext("2d", { willReadFrequently: true });
          context.drawImage(picture, 0, 0);
          const at = (y) => [...context.getImageData(600, y, 1, 1).data];
          return [at(40), at(1560)];
        }"""
    )
    (top_red, _, top_blue, _), (foot_red, _, foot_blue, _) = corners
    assert top_red > top_blue  # red was left before the turn
    assert foot_blue > foot_red


def test_a_small_photo_goes_up_byte_for_byte(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    file = BytesIO()
    _picture(640, 480).save(file, "JPEG", exif=exif)
    photo = _upload(page, "bag.jpg", file.getvalue())
    assert photo["sha256"] == hashlib.sha256(file.getvalue()).hexdigest()


def test_a_photo_is_declared_as_what_its_bytes_are(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    file = BytesIO()
    _picture(640, 480).save(file, "PNG")
    photo = _upload(page, "really-a-png.jpg", file.getvalue(), "image/jpeg")
    assert photo["type"] == "image/png"
    assert photo["sha256"] == hashlib.sha256(file.getvalue()).hexdigest()


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "BMP"])
def test_what_the_api_does_not_take_goes_up_as_a_plain_jpeg(open_page: OpenPage, kind: str) -> None:
    page = open_page(before=overhear)
    first, second = _picture(640, 480), _picture(640, 480).rotate(180)
    file = BytesIO()
    several = {} if kind == "BMP" else {"save_all": True, "append_images": [second]}
    first.save(file, kind, **several)
    photo = _upload(page, f"photo.{kind.lower()}", file.getvalue(), "image/jpeg")
    assert (photo["type"], photo["width"], photo["height"]) == ("image/jpeg", 640, 480)
    assert photo["sha256"] != hashlib.sha256(file.getvalue()).hexdigest()


@pytest.mark.parametrize(
    ("locale", "words"),
    [("zh-CN", "不是能打开的照片"), ("en-US", "not a photo that can be opened")],
)
def test_a_text_file_gets_a_clear_message_and_no_request(
    open_page: OpenPage, tmp_path: Path, locale: str, words: str
) -> None:
    page = open_page(locale=locale)
    page.wait_for_load_state("networkidle")
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    (tmp_path / "notes.jpg").write_text("this is no photo")
    page.set_input_files("#photo-file", tmp_path / "notes.jpg")
    expect(page.locator("#photo-problem")).to_contain_text(words)
    expect(page.locator("#photo-problem")).to_have_role("alert")
    expect(page.locator("#composer")).to_be_hidden()
    assert [url for url in requests if not url.startswith("blob:")] == []


def test_a_tiny_picture_is_refused_on_the_phone(open_page: OpenPage) -> None:
    page = open_page()
    file = BytesIO()
    _picture(16, 16).save(file, "PNG")
    tiny = {"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.set_input_files("#photo-file", tiny)
    expect(page.locator("#photo-problem")).to_contain_text("太小")


# Text, on its way to an element; true if the browser is left to handle it.
_GIVE_TEXT = """([way, id]) => {
  const data = new DataTransfer();
  data.setData("text/plain", "https://shop.example/bag.jpg");
  const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
  const kind = way === "drop" ? DragEvent : ClipboardEvent;
  return document.getElementById(id).dispatchEvent(new kind(way, options));
}"""


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted(open_page: OpenPage, way: str) -> None:
    page = open_page()
    page.evaluate(
        """async (way) => {
          const canvas = new OffscreenCanvas(300, 200);
          canvas.getContext("2d").fillRect(0, 0, 150, 200);
          const data = new DataTransfer();
          data.items.add(new File([await canvas.convertToBlob()], "x.png", { type: "image/png" }));
          const options = { bubbles: true, dataTransfer: data, clipboardData: data };
          const kind = way === "drop" ? DragEvent : ClipboardEvent;
          document.getElementById("choose").dispatchEvent(new kind(way, options));
        }""",
        way,
    )
    expect(page.locator("#composer")).to_be_visible()
    assert page.evaluate("document.getElementById('photo').naturalWidth") == 300


def test_the_camera_button_opens_the_camera(open_page: OpenPage) -> None:
    page = open_page(has_touch=True, is_mobile=True)
    with page.expect_file_chooser() as chooser:
        page.locator("#take").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").tap()
    assert chooser.value.element.get_attribute("capture") is None


def _pick(page: Page) -> bytes:
    file = BytesIO()
    _picture(640, 480).save(file, "JPEG")
    photo = {"name": "bag.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#composer")).to_be_visible()
    return file.getvalue()


def test_a_photo_goes_up_once_however_often_it_is_asked_about(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    _pick(page)
    for question in ("这是什么？", "什么颜色？", "什么材质？"):
        ask_and_wait(page, question)
    assert len(sent(page)) == 1
    (form,) = asked(page)
    for messages in conversations(page):
        (photo, _), *_ = (message["content"] for message in messages)
        assert photo["image_url"]["url"] == form["image_id"]


def test_where_uploads_are_not_kept_the_question_brings_the_photo(open_page: OpenPage) -> None:
    page = open_page(before=overhear, expects=("503",))
    full = refusal(503, "暂时无法存取上传的照片", "image_store_unavailable")
    page.route("**/v1/images", lambda route: route.fulfill(**full))
    data = _pick(page)
    ask_and_wait(page, QUESTION)
    assert [photo["sha256"] for photo in sent(page)] == [hashlib.sha256(data).hexdigest()] * 2
    assert [photo.get("name") for photo in sent(page)] == [None, "photo.jpg"]
    assert "image_id" not in asked(page)[0]


def test_a_photo_that_the_api_has_forgotten_goes_up_again(open_page: OpenPage) -> None:
    page = open_page(before=overhear, expects=("404",))
    gone = {"status": 201, "json": {"id": "img_" + "0" * 32}}
    page.route("**/v1/images", lambda route: route.fulfill(**gone), times=1)
    _pick(page)
    ask_and_wait(page, QUESTION)
    assert len(sent(page)) == 2
    first, second = asked(page)
    assert first["image_id"] == "img_" + "0" * 32
    assert second["image_id"] != first["image_id"]


@pytest.mark.parametrize(
    ("locale", "words"), [("zh-CN", "这张照片不完整"), ("en-US", "This photo is incomplete")]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_photo_is_told_at_once_and_not_sent(
    open_page: OpenPage, locale: str, words: str, kind: str
) -> None:
    page = open_page(locale=locale)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(urlsplit(request.url).path))
    whole = BytesIO()
    thumbnail = BytesIO()
    _picture(160, 120).save(thumbnail, "JPEG")
    exif = Image.Exif()
    exif[0x9286] = thumbnail.getvalue()  # a JPEG within it, as of phones, has an end of its own
    _noisy(640, 480).save(whole, kind, quality=90, exif=exif)
    half = whole.getvalue()[: len(whole.getvalue()) // 2]
    photo = {"name": "half.jpg", "mimeType": "image/jpeg", "buffer": half}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#photo-problem")).to_contain_text(words)
    expect(page.locator("#choose")).to_be_visible()
    expect(page.locator("#composer")).to_be_hidden()
    assert requests.count("/v1/images") == 0
    _pick(page)  # another one, and all is well
    ask_and_wait(page, QUESTION)
    assert (requests.count("/v1/images"), requests.count("/v1/ask")) == (1, 1)


# The first photo waits for `decoded()`; the page's root tells so, and how many photos were dropped.
_SLOW_DECODE = """const told = () => document.documentElement.dataset;
  let dropped = 0;
  const revoke = URL.revokeObjectURL;
  URL.revokeObjectURL = (address) => { told().dropped = ++dropped; revoke.call(URL, address); };
  const decode = HTMLImageElement.prototype.decode;
  HTMLImageElement.prototype.decode = async function () {
    HTMLImageElement.prototype.decode = decode;
    told().decoding = "";
    await new Promise((done) => { window.decoded = done; });
    return decode.call(this);
  };"""


def test_a_photo_that_comes_late_does_not_take_the_place_of_the_next(open_page: OpenPage) -> None:
    page = open_page(before=lambda page: page.add_init_script(_SLOW_DECODE))
    page.set_input_files("#photo-file", SAMPLE)
    root = page.locator("html")
    expect(root).to_have_attribute("data-decoding", "")
    choose_sample(page)
    name = page.locator("#photo-name").text_content()
    page.fill("#question", "这个多少")
    page.evaluate("decoded()")
    expect(root).to_have_attribute("data-dropped", "1")
    expect(page.locator("#photo-name")).to_have_text(str(name))
    expect(page.locator("#question")).to_have_value("这个多少")
    page.click("#change")
    held: list[Route] = []
    page.route("**/samples/*.jpg", lambda route: held.append(route))
    page.locator(".sample").nth(1).click()
    page.set_input_files("#photo-file", SAMPLE)
    expect(page.locator("#photo-name")).to_have_text("第 2 张照片")
    held[0].continue_()
    expect(root).to_have_attribute("data-dropped", "2")
    expect(page.locator("#photo-name")).to_have_text("第 2 张照片")


def _without_end(kind: str) -> bytes:
    file = BytesIO()
    _noisy(640, 480).save(file, kind)
    end = b"\xff\xd9" if kind == "JPEG" else b"\x00\x00\x00\x00IEND"
    return file.getvalue()[: file.getvalue().rindex(end)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_that_lacks_only_its_end_mark_is_taken(open_page: OpenPage, kind: str) -> None:
    page = open_page()
    uploads: list[Any] = []
    page.on("request", lambda each: uploads.append(each) if "v1/images" in each.url else None)
    data = _without_end(kind)
    photo = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#composer")).to_be_visible()
    ask_and_wait(page, QUESTION)
    (upload,) = uploads
    assert upload.response().status == 201
    if kind == "JPEG":  # as it is: the API judges it
        assert int(upload.all_headers()["content-length"]) == len(data)


def test_what_stands_behind_a_photos_end_does_not_matter(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    file = BytesIO()
    _picture(640, 480).save(file, "PNG")
    _upload(page, "photo.png", file.getvalue() + b"x" * 5000, "image/png")


def test_a_webp_of_more_pixels_than_the_api_takes_is_drawn_smaller(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    file = BytesIO()
    Image.new("RGB", (6400, 6400), (200, 30, 30)).save(file, "WEBP", quality=40, method=0)
    photo = _upload(page, "photo.webp", file.getvalue(), "image/webp")
    assert photo["type"] == "image/jpeg"
    assert 320 <= photo["width"] == photo["height"] <= 1600


def test_a_file_that_cannot_be_read_is_told(open_page: OpenPage) -> None:
    page = open_page()
    gone = "() => Promise.reject(new DOMException('gone', 'NotReadableError'))"
    page.evaluate(f"() => {{ Blob.prototype.arrayBuffer = {gone}; }}")
    file = BytesIO()
    _picture(640, 480).save(file, "JPEG")
    photo = {"name": "bag.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#photo-problem")).to_contain_text("读不到这个文件")
    page.click("#language")
    expect(page.locator("#photo-problem")).to_contain_text("cannot be read")


def test_a_photo_that_the_api_refuses_is_told_before_any_question(open_page: OpenPage) -> None:
    page = open_page(expects=("422",))
    refused = refusal(
        422, "照片过于复杂，无法处理，请另存为普通的 JPEG 或 PNG。", "image_too_complex"
    )
    page.route("**/v1/images", lambda route: route.fulfill(**refused), times=1)
    file = BytesIO()
    _picture(640, 480).save(file, "JPEG")
    photo = {"name": "bag.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#photo-problem")).to_contain_text("过于复杂")
    expect(page.locator("#composer")).to_be_hidden()


def test_an_avif_photo_is_taken(open_page: OpenPage) -> None:
    page = open_page(before=overhear)
    file = BytesIO()
    _picture(640, 480).save(file, "AVIF")
    photo = _upload(page, "photo.avif", file.getvalue(), "image/avif")
    assert (photo["type"], photo["width"], photo["height"]) == ("image/jpeg", 640, 480)


def test_a_heic_photo_that_the_browser_cannot_open_is_named_as_one(open_page: OpenPage) -> None:
    page = open_page()
    data = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + os.urandom(1000)
    photo = {"name": "IMG.HEIC", "mimeType": "image/heic", "buffer": data}
    page.set_input_files("#photo-file", photo)  # type: ignore[arg-type]
    expect(page.locator("#photo-problem")).to_contain_text("兼容性最佳")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_what_is_no_photo_says_so_when_dropped_or_pasted(open_page: OpenPage, way: str) -> None:
    page = open_page(viewport={"width": 1280, "height": 800})
    page.wait_for_load_state("networkidle")
    page.evaluate(_GIVE_TEXT, [way, "choose"])
    expect(page.locator("#photo-problem")).to_contain_text("这不是照片")


def test_text_may_be_dropped_and_pasted_into_the_question(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1280, "height": 800})
    _pick(page)
    for way in ("drop", "paste"):
        assert page.evaluate(_GIVE_TEXT, [way, "question"]) is True  # the browser does the rest
    expect(page.locator("#photo-problem")).to_be_hidden()
