"""Which photos share answers: copies of the same picture, and nothing else."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageOps

from tests.support.asking import data_uri, post
from tests.support.pictures import encoded, picture
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
SAME = picture(seed=7)


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def outcome(gateway: str, data: bytes) -> str:
    media = "image/jpeg" if data.startswith(b"\xff\xd8") else "image/png"
    return post(gateway, short(data, media)).headers["x-cache"]


def palette(colours: list[int]) -> bytes:
    """Equal indices under different colours: the pixels' bytes before decoding are the same."""
    indexed = Image.new("P", (64, 48))
    indexed.putdata([(x * y) % 4 for y in range(48) for x in range(64)])
    indexed.putpalette(colours)
    return encoded(indexed)


def stored(seed: int, width: int = 64, height: int = 48) -> bytes:
    """Uncompressed inside: two of a size are of the same length to the byte."""
    return encoded(picture(width, height, seed), compress_level=0)


LOOKALIKES = {
    "same size and same length": [stored(1), stored(2)],
    "palettes": [palette([0, 0, 0, 250, 0, 0]), palette([0, 0, 0, 0, 250, 0])],
    "transposed": [
        encoded(Image.new("RGB", (64, 32), "navy")),
        encoded(Image.new("RGB", (32, 64), "navy")),
    ],
    "turned": [encoded(SAME), encoded(SAME.transpose(Image.Transpose.ROTATE_90))],
    "mirrored": [encoded(SAME), encoded(ImageOps.mirror(SAME))],
    "qualities": [encoded(SAME, "JPEG", quality=quality) for quality in (60, 85, 95)],
    "colours of one product": [
        encoded(Image.new("RGB", (64, 48), colour)) for colour in ("#aa1111", "#aa1112", "#11aa11")
    ],
    "one pixel": [encoded(SAME), encoded(Image.eval(SAME, lambda value: value ^ 1))],
}


@pytest.mark.parametrize("photos", LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_lookalikes_never_get_each_other_s_answer(
    gateway: str, stub: StubReplica, photos: list[bytes]
) -> None:
    first = [outcome(gateway, data) for data in photos]
    assert first == ["miss"] * len(photos)
    assert len({call["messages"][-1]["content"][0]["image_url"]["url"] for call in stub.calls}) > 1
    assert [outcome(gateway, data) for data in photos] == ["hit"] * len(photos)


def test_the_lookalikes_of_equal_length_are_of_equal_length() -> None:
    one, other = LOOKALIKES["same size and same length"]
    assert len(one) == len(other)
    assert one != other


def exif_turned() -> bytes:
    """The same picture, lying on its side in the file, with the mark that sets it up again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = SAME.transpose(Image.Transpose.ROTATE_90)
    return encoded(lying, exif=exif)


COPIES = {
    "re-encoded": encoded(SAME, compress_level=1),
    "as WebP": encoded(SAME, "WEBP", lossless=True, exact=True),
    "with an alpha channel": encoded(SAME.convert("RGBA")),
    "turned by EXIF": exif_turned(),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_a_copy_of_the_same_pixels_is_a_hit(gateway: str, stub: StubReplica, copy: bytes) -> None:
    original = encoded(SAME)
    assert copy != original
    uri = {b"\x89PNG": "image/png", b"RIFF": "image/webp"}[copy[:4]]
    assert post(gateway, short(original, "image/png")).headers["x-cache"] == "miss"
    assert post(gateway, short(copy, uri)).headers["x-cache"] == "hit"
    assert len(stub.calls) == 1


def test_a_re_labelled_copy_is_a_hit(gateway: str, stub: StubReplica) -> None:
    data = encoded(SAME, "JPEG")
    labels = [data_uri(data), data_uri(data).replace("image/jpeg", "image/jpg")]
    bare = labels[0].partition(",")[2]
    outcomes = [
        post(gateway, {"image": image, "prompt": "what colour?"}).headers["x-cache"]
        for image in (*labels, bare)
    ]
    assert outcomes == ["miss", "hit", "hit"]
    assert len(stub.calls) == 1


def short(data: bytes, media: str) -> dict[str, str]:
    return {"image": data_uri(data).replace("image/jpeg", media), "prompt": "what colour?"}
