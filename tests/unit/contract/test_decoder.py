"""Photos decoded by helpers: the same as decoded here, within bounds, and large ones apart."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache, partial
from io import BytesIO
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageCms

from contract import errors
from contract.errors import ImageTooComplex, PhotoError
from contract.images import MODEL_PIXELS, EncodedImage, check_image
from contract.pixels import decoder as module
from contract.pixels.decoder import PhotoDecoder
from contract.pixels.prescan import MAX_SEGMENTS, cost_of
from tests.support import bombs
from tests.support.bombs import MB, flat
from tests.support.pictures import encoded, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[PhotoDecoder]:
    decoder = PhotoDecoder(1)
    yield decoder
    decoder.close()


@cache
def kinds() -> dict[str, bytes]:
    """All that Pillow has code for of its own: whatever it would load late, a helper could not."""
    made = picture(400, 300)
    turned: Any = Image.Exif()
    turned[0x0112] = 8
    turned[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    grey = made.convert("L")
    clear = made.copy()
    clear.putalpha(grey)
    two = BytesIO()
    made.save(two, "MPO", save_all=True, append_images=[made])
    jpeg = encoded(made, "JPEG")
    return {
        "jpeg": jpeg,
        "turned jpeg with gps": encoded(made, "JPEG", exif=turned, icc_profile=profile),
        "progressive": encoded(made, "JPEG", progressive=True),
        "cmyk": encoded(made.convert("CMYK"), "JPEG"),
        "grey jpeg": encoded(grey, "JPEG"),
        "without its end": jpeg[:-2],
        "two pictures": two.getvalue(),
        "png": encoded(made, exif=turned),
        "clear png": encoded(clear),
        "palette": encoded(made.quantize(32), transparency=3),
        "16 bits": encoded(grey.convert("I;16"), transparency=7),
        "1 bit": encoded(made.convert("1")),
        "grey and alpha": encoded(clear.convert("LA")),
        "webp": encoded(made, "WEBP"),
        "clear webp": encoded(clear, "WEBP", lossless=True, exif=turned),
        "large": encoded(picture(2400, 1800), "JPEG"),
        "large and turned": encoded(picture(2400, 1800), "JPEG", exif=turned),
        "with something behind it": jpeg + b"PK\x03\x04" * 100,
        "64 scans": bombs.many_scans(50),
    }


async def test_a_photo_of_any_kind_is_what_it_is_here(decoder: PhotoDecoder) -> None:
    for kind, data in kinds().items():
        image = EncodedImage(data)
        for bound in (MODEL_PIXELS, 20_000):
            here, there = check_image(image, bound), await decoder.checked(image, bound)
            assert there.facts == here.facts, kind
            assert there.pixels.tobytes() == here.pixels.tobytes(), kind
        assert await decoder.facts(image) == check_image(image).facts, kind


async def test_a_photo_that_cannot_be_used_is_refused_as_here(decoder: PhotoDecoder) -> None:
    jpeg = kinds()["jpeg"]
    gif = BytesIO()
    picture().save(gif, "GIF")
    for data in (
        b"",
        b"no photo",
        gif.getvalue(),
        jpeg[:4],
        jpeg[: len(jpeg) // 2],
        encoded(picture(8, 8)),
        kinds()["png"][: len(kinds()["png"]) // 2],
        flat(12_000, 12_000),
        flat(32, 4_000, "JPEG"),
    ):
        with pytest.raises(PhotoError) as here:
            check_image(EncodedImage(data))
        with pytest.raises(type(here.value)):
            await decoder.facts(EncodedImage(data))
    with pytest.raises(errors.PayloadTooLarge):
        await decoder.facts(EncodedImage(jpeg + bytes(10 * MB)))


BOMBS = {
    "2000 scans": partial(bombs.many_scans, 2000),
    "comments": partial(bombs.comments, MAX_SEGMENTS + 100),
    "10 MB of comments": partial(bombs.comments, 2_600_000),
    "10 MB of filling": partial(bombs.filling, 10_300_000),
    "10 MB of chunks": partial(bombs.chunks, 860_000),
    "10 MB of RIFF chunks": partial(bombs.riff_chunks, 1_200_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_costs_little_and_itself_alone(decoder: PhotoDecoder, bomb: str) -> None:
    image = EncodedImage(BOMBS[bomb]())
    began = time.process_time()
    with pytest.raises(ImageTooComplex):
        await decoder.facts(image)
    assert time.process_time() - began < 0.5  # in this process, which decodes nothing
    await decoder.facts(EncodedImage(kinds()["jpeg"]))


async def test_what_takes_longer_than_its_limit_is_ended(decoder: PhotoDecoder) -> None:
    """Each of the 60 scans goes over 59 MP."""
    slow = EncodedImage(bombs.many_scans(50, (8000, 7400)))
    with pytest.raises(ImageTooComplex):
        await decoder.facts(slow)
    await decoder.facts(EncodedImage(kinds()["jpeg"]))


async def test_a_photo_whose_helper_is_killed_or_stopped_is_decoded_or_may_be_sent_again(
    decoder: PhotoDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = EncodedImage(kinds()["jpeg"])
    await decoder.facts(photo)
    (helper,) = decoder._small._idle
    os.kill(helper.pid, signal.SIGSTOP)
    decoding = asyncio.create_task(decoder.facts(photo))
    await asyncio.sleep(0.1)
    os.kill(helper.pid, signal.SIGKILL)
    assert (await decoding).width == 400
    (helper,) = decoder._small._idle
    os.kill(helper.pid, signal.SIGSTOP)
    monkeypatch.setattr(decoder._small, "_limits", replace(module.SMALL_LIMITS, wall_s=0.3))
    with pytest.raises(errors.Overloaded):
        await decoder.facts(photo)
    monkeypatch.undo()
    assert (await decoder.facts(photo)).width == 400


@pytest.mark.parametrize(
    ("photo", "large"),
    [
        (partial(flat, 4000, 3900, "JPEG"), False),
        (partial(flat, 4200, 3900, "JPEG"), True),
        (partial(flat, 4200, 3900), True),
        (partial(flat, 3000, 2600, "WEBP"), False),
        (partial(flat, 3000, 2700, "WEBP", lossless=True), True),
        (partial(flat, 3000, 2000, "JPEG", progressive=True), False),
        (partial(bombs.many_scans, 40, (3000, 2000)), True),
        (partial(bombs.comments, 5000), True),
        (lambda: b"no photo", False),
    ],
)
async def test_what_is_large_is_known_before_it_is_decoded(
    photo: Callable[[], bytes], large: bool
) -> None:
    assert cost_of(photo()).large is large


async def test_a_small_photo_does_not_wait_for_large_ones(decoder: PhotoDecoder) -> None:
    large = [flat(5000, 4000 + n, "JPEG") for n in range(8)]
    waiting = [asyncio.create_task(decoder.facts(EncodedImage(data))) for data in large]
    await asyncio.sleep(0)
    await decoder.facts(EncodedImage(kinds()["jpeg"]))
    assert not waiting[-1].done()
    assert {facts.width for facts in await asyncio.gather(*waiting)} == {5000}


@pytest.mark.long
async def test_the_largest_photos_of_each_kind_fit_into_a_helper_s_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_time = replace(module.LARGE_LIMITS, cpu_s=60, wall_s=120)  # whatever else is running here
    monkeypatch.setattr(module, "LARGE_LIMITS", with_time)
    decoder = PhotoDecoder(1)
    turned: Any = Image.Exif()
    turned[0x0112] = 6
    for data in (
        flat(8000, 7499, "JPEG", exif=turned),
        flat(8000, 7499, "JPEG", exif=turned)[:-2],
        flat(8000, 7499, "JPEG", progressive=True),
        flat(8000, 7499, exif=turned, compress_level=1),
        flat(7000, 4285, "WEBP", lossless=True, method=0),
    ):
        assert (await decoder.facts(EncodedImage(data))).width > 4000
    decoder.close()
