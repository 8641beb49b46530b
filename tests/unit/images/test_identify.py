import asyncio
from collections.abc import AsyncIterator

import pytest

from contract.errors import ImageUndecodable
from contract.images import EncodedImage, ImageFacts, check_image
from contract.pixels.decoder import PhotoDecoder
from gateway.images.identify import ImageIdentifier
from tests.support.pictures import encoded, picture


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[EncodedImage]:
    """What was decoded, in order."""
    seen: list[EncodedImage] = []

    facts = PhotoDecoder.facts

    async def counted(decoder: PhotoDecoder, image: EncodedImage) -> ImageFacts:
        seen.append(image)
        return await facts(decoder, image)

    monkeypatch.setattr(PhotoDecoder, "facts", counted)
    return seen


@pytest.fixture
async def images() -> AsyncIterator[ImageIdentifier]:
    decoder = PhotoDecoder(1, "gateway.images.jobs")
    yield ImageIdentifier(decoder)
    decoder.close()


PHOTO = EncodedImage(encoded(picture(), "JPEG"))


async def test_a_photo_is_decoded_once_for_all_who_bring_it(
    images: ImageIdentifier, decoded: list[EncodedImage]
) -> None:
    together = await asyncio.gather(*(images.identify(PHOTO, "shop") for _ in range(20)))
    later = await images.identify(EncodedImage(bytes(PHOTO.data)), "shop")
    assert len(decoded) == 1
    assert {facts.digest for facts in (*together, later)} == {check_image(PHOTO).facts.digest}


async def test_whether_another_tenant_has_sent_a_photo_saves_no_time(
    images: ImageIdentifier, decoded: list[EncodedImage]
) -> None:
    await asyncio.gather(images.identify(PHOTO, "shop"), images.identify(PHOTO, "other"))
    bad = EncodedImage(PHOTO.data[:300])
    for tenant in ("shop", "other"):
        with pytest.raises(ImageUndecodable):
            await images.identify(bad, tenant)
    assert len(decoded) == 4


async def test_one_who_leaves_does_not_take_the_photo_from_the_others(
    images: ImageIdentifier, decoded: list[EncodedImage]
) -> None:
    first = asyncio.create_task(images.identify(PHOTO, "shop"))
    second = asyncio.create_task(images.identify(PHOTO, "shop"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).digest
    assert len(decoded) == 1


async def test_a_damaged_photo_is_refused_without_decoding_for_a_while(
    images: ImageIdentifier, decoded: list[EncodedImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = EncodedImage(PHOTO.data[:300])
    monkeypatch.setattr("gateway.images.identify.REMEMBERED_DAMAGE_S", 0.1)
    for _ in range(3):
        with pytest.raises(ImageUndecodable):
            await images.identify(bad, "shop")
    assert len(decoded) == 1
    await asyncio.sleep(0.12)
    with pytest.raises(ImageUndecodable):
        await images.identify(bad, "shop")
    assert len(decoded) == 2
