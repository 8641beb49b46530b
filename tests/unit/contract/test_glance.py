"""A photo as those see it who look at it: smaller and sooner than the model does, and the same."""

import pytest
from PIL import Image, ImageChops, ImageStat

from contract import errors
from contract.images import MODEL_PIXELS, EncodedImage, check_image, glance
from tests.support.pictures import encoded, picture


def drawn(width: int, height: int) -> Image.Image:
    """Large areas of colour, one in each corner, so that a turned copy is told apart."""
    made = Image.new("RGB", (2, 2))
    made.putdata([(230, 30, 30), (30, 230, 30), (30, 30, 230), (230, 230, 30)])
    return made.resize((width, height), Image.Resampling.BILINEAR)


def difference(data: bytes) -> float:
    """Between a glance and the model's pixels, by areas: some modes are dithered. Of 255 levels."""
    size = 32, 32
    model = check_image(EncodedImage(data)).pixels.resize(size, Image.Resampling.BOX)
    seen = glance(EncodedImage(data)).resize(size, Image.Resampling.BOX)
    return max(ImageStat.Stat(ImageChops.difference(model, seen)).mean)


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "1"),
        ("WEBP", "RGB"),
    ],
)
@pytest.mark.parametrize("size", [(640, 480), (1500, 1100), (3000, 2200)])
def test_a_glance_shows_what_the_model_sees(format_: str, mode: str, size: tuple[int, int]) -> None:
    data = encoded(drawn(*size).convert(mode), format_)
    seen = glance(EncodedImage(data))
    assert seen.mode == "RGB"
    assert min(size[0] * size[1], MODEL_PIXELS) <= seen.width * seen.height <= 4 * MODEL_PIXELS
    assert difference(data) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_glance_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert difference(encoded(drawn(2400, 1800), "JPEG", exif=exif)) < 3


def test_a_long_strip_that_no_decoder_shrinks_is_shrunk() -> None:
    seen = glance(EncodedImage(encoded(drawn(14_000, 700), "JPEG")))
    assert seen.width * seen.height <= 4 * MODEL_PIXELS


def test_a_small_photo_is_seen_as_it_is() -> None:
    data = encoded(picture(), "PNG")
    assert glance(EncodedImage(data)).tobytes() == check_image(EncodedImage(data)).pixels.tobytes()


def test_a_glance_keeps_nothing_beside_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was"
    assert glance(EncodedImage(encoded(picture(), "JPEG", exif=exif))).info == {}


def test_a_glance_refuses_what_cannot_be_read() -> None:
    whole = encoded(picture(), "JPEG")
    with pytest.raises(errors.ImageUndecodable):
        glance(EncodedImage(whole[: len(whole) // 2]))
    with pytest.raises(errors.UnsupportedImageType):
        glance(EncodedImage(b"GIF89a" + whole))
