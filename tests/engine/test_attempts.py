"""A question that is answered again: the model looks at its photo more closely."""

import pytest
from PIL import Image

from contract.attempts import HEADER, MAX_ATTEMPT, attempt_of, closeness, pixel_bound
from contract.completion import CompletionRequest, Turn
from contract.images import MODEL_PIXELS, EncodedImage, check_image
from inference.config import Settings
from inference.model.model import Model
from tests.support.pictures import encoded, picture

ASKED = CompletionRequest((Turn("user", "what is it?"),), None)


@pytest.fixture(scope="module")
def demo() -> Model:
    return Model(Settings(_env_file=None))  # type: ignore[call-arg]


def tokens(model: Model, pixels: Image.Image, attempt: int) -> int:
    photo = model.prompt(ASKED, pixels, "key", attempt).photos[0]
    assert photo is not None
    return photo.tokens


@pytest.mark.parametrize("size", [(64, 48), (160, 120), (150, 150), (900, 600), (40, 1200)])
def test_each_attempt_has_more_visual_tokens_whatever_the_photos_size(
    demo: Model, size: tuple[int, int]
) -> None:
    pixels = picture(*size)
    counts = [tokens(demo, pixels, attempt) for attempt in range(MAX_ATTEMPT + 1)]
    # In whole squares of 32 px: a small photo has few of them.
    assert counts[0] < counts[-1]
    assert sorted(counts) == counts
    for attempt, count in enumerate(counts):
        assert 0.6 < count / (counts[0] * closeness(attempt)) < 1.5


def test_a_closer_look_is_bounded_where_the_checkpoint_has_hardly_a_bound(
    demo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published ones take 16,384 tokens a photo, which is four contexts."""
    published = {"shortest_edge": 65536, "longest_edge": 16777216}
    monkeypatch.setattr(demo._prompts._image_processor, "size", published)
    for attempt in range(MAX_ATTEMPT + 1):
        side = int(pixel_bound(attempt) ** 0.5)
        counted = tokens(demo, Image.new("RGB", (side, side)), attempt)
        assert 0.9 < counted / (1024 * closeness(attempt)) < 1.1  # in whole squares of 32 px


def test_the_first_attempt_sees_what_the_checkpoint_was_made_for(demo: Model) -> None:
    pixels = picture(900, 600)
    processor = demo._prompts._image_processor
    own = processor(images=[pixels], return_tensors="pt")["image_grid_thw"]
    assert tokens(demo, pixels, 0) == int(own[0].prod()) // processor.merge_size**2


def test_a_large_photo_keeps_more_of_its_pixels() -> None:
    large = EncodedImage(encoded(Image.new("RGB", (3000, 2000), "red"), "JPEG"))
    for attempt in range(MAX_ATTEMPT + 1):
        pixels = check_image(large, pixel_bound(attempt)).pixels
        assert 0.99 < pixels.width * pixels.height / (MODEL_PIXELS * closeness(attempt)) <= 1


@pytest.mark.parametrize("named", ["", "0", "-1", "3", "1.0", "01", "²", "x", "9" * 9000])
def test_an_attempt_that_there_is_not_is_the_first(named: str) -> None:
    assert attempt_of({HEADER: named}) == attempt_of({}) == 0
