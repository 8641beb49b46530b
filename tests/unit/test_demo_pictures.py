"""Pictures of the demo world as people take them: settings, places, light, colours, regions."""

import io
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from contract.pixels.colour import to_srgb
from demo_model.pictures import shards
from demo_model.pictures.camera import REACH, from_gamut
from demo_model.pictures.catalogue import BRANDS, NOTES
from demo_model.pictures.facts import Product, Scene, scene_of
from demo_model.pictures.grounds.surroundings import GROUNDS, surroundings
from demo_model.pictures.lettering import lettered
from demo_model.pictures.products import TOO_LARGE
from demo_model.pictures.regions import region, region_box
from demo_model.pictures.renderer import FRAMES, draw, drawn, render, render_jpeg, size_of
from demo_model.pictures.setting import CAMERAS, GAMUTS, SHOP, Setting, setting_of
from tests.unit.contract.test_pixels import ADOBE, PROPHOTO

SOME_SEEDS = range(70_000, 74_000)
MUG = Scene(11, (Product("mug", "red", "ceramic", "plain"),))


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=np.float32)


def test_most_pictures_are_a_shops_and_every_other_setting_is_among_the_rest() -> None:
    settings = [setting_of(seed) for seed in SOME_SEEDS]
    assert 0.58 < settings.count(SHOP) / len(settings) < 0.66
    others = [setting for setting in settings if setting != SHOP]
    assert {setting.camera for setting in others} == {None, *CAMERAS}
    assert {setting.gamut for setting in others} == {None, *GAMUTS}
    for name in ("lived_in", "anywhere", "hand", "cut_out", "drawn"):
        assert sum(getattr(setting, name) for setting in others) > 20, name


def test_a_setting_changes_the_picture_and_not_what_is_in_it() -> None:
    seed = next(seed for seed in SOME_SEEDS if setting_of(seed).lived_in and scene_of(seed).product)
    assert scene_of(seed) == scene_of(seed, SHOP)
    assert render_jpeg(seed, 16) != render_jpeg(seed, 16, setting=SHOP)
    assert render_jpeg(seed, 16) == render_jpeg(seed, 16)


def test_a_flat_drawing_says_so_and_carries_no_word() -> None:
    scenes = [scene_of(seed) for seed in SOME_SEEDS if setting_of(seed).drawn]
    assert all(scene.drawn for scene in scenes if scene.products)
    assert not any(product.words for scene in scenes for product in scene.products)
    kinds = {scene.product.kind for scene in scenes if scene.product}
    assert len(kinds) > 12
    assert not any(scene_of(seed).drawn for seed in SOME_SEEDS if setting_of(seed) == SHOP)


def test_one_picture_in_seven_has_two_products_of_different_kinds() -> None:
    pairs = [scene for scene in map(scene_of, SOME_SEEDS) if len(scene.products) == 2]
    assert 0.12 < len(pairs) / len(SOME_SEEDS) < 0.16
    assert all(one.kind != other.kind for one, other in (scene.products for scene in pairs))


@pytest.mark.parametrize("setting", [Setting(drawn=True), Setting(drawn=True, anywhere=True)])
def test_the_box_of_a_product_holds_all_of_it(setting: Setting) -> None:
    for seed in range(300, 306):
        picture = draw(replace(MUG, seed=seed, drawn=True), 160, 160, setting)
        seen = np.asarray(Image.open(io.BytesIO(picture.jpeg)).convert("HSV"), np.float32)[..., 1]
        left, top, right, bottom = (round(160 * edge) for edge in picture.boxes[0])
        red = seen > 150
        around = red.copy()
        around[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = False
        assert red.sum() > 300
        assert around.sum() == 0


def test_two_products_are_in_their_order_whatever_their_size_and_place() -> None:
    wide = Setting(lived_in=True, anywhere=True)
    two = (MUG.products[0], Product("hat", "blue", "canvas", "plain"))
    heights = []
    for seed in range(12):
        for frame, axis in (("landscape", 0), ("tall", 1)):
            boxes = draw(Scene(seed, two), *size_of(frame, 12), wide).boxes
            middles = [(box[axis] + box[axis + 2]) / 2 for box in boxes]
            assert middles[0] + 0.2 < middles[1]
            heights.append((boxes[0][3] - boxes[0][1]) / (boxes[1][3] - boxes[1][1]))
    assert max(heights) > 1.6 * min(heights)


@pytest.mark.parametrize("camera", CAMERAS)
def test_bad_light_and_bad_cameras_leave_a_picture(camera: str) -> None:
    clear = pixels(draw(MUG, 96, 96).jpeg)
    seen = pixels(draw(MUG, 96, 96, Setting(camera=camera)).jpeg)
    assert np.abs(seen - clear).mean() > 1.5
    assert seen.std() > 12


def test_warm_light_takes_blue_away_and_a_dim_room_is_darker() -> None:
    clear, warm, dim = (
        pixels(draw(MUG, 96, 96, Setting(camera=camera)).jpeg) for camera in (None, "warm", "dim")
    )
    assert warm[..., 2].mean() < clear[..., 2].mean() * 0.9 < warm[..., 0].mean()
    assert dim.mean() < 0.85 * clear.mean()


@pytest.mark.parametrize(
    ("name", "profile"), [("Adobe RGB", ADOBE), ("ProPhoto RGB", PROPHOTO)], ids=["adobe", "pro"]
)
def test_colours_of_a_wider_space_are_what_the_service_makes_of_such_a_file(
    name: str, profile: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REACH, name, 1.0)
    rng = np.random.default_rng(3)
    colours = rng.integers(20, 236, (40, 40, 3)).astype(np.uint8)
    # ProPhoto's own curve has the exponent 1.8, our pictures have 2.2.
    if name == "ProPhoto RGB":
        encoded = np.round(255 * (colours / 255) ** (2.2 / 1.8)).astype(np.uint8)
    else:
        encoded = colours
    converted = np.asarray(to_srgb(Image.fromarray(encoded), profile), dtype=np.float32)
    ours = from_gamut(colours.astype(np.float32), name)
    assert np.abs(ours - converted).mean() < 6
    assert np.abs(ours - colours).mean() > 8


def test_a_hand_holds_what_can_be_held() -> None:
    held = Setting(hand=True)
    assert draw(MUG, 96, 96, held).jpeg != draw(MUG, 96, 96).jpeg
    for kind in TOO_LARGE:
        large = Scene(5, (Product(kind, "green", "metal", "plain"),))
        assert draw(large, 64, 64, held).jpeg == draw(large, 64, 64).jpeg


@pytest.mark.parametrize("maker", sorted(set(GROUNDS), key=lambda maker: maker.__name__))
def test_every_ground_is_a_picture_of_any_shape(maker: object) -> None:
    for width, height in ((96, 96), (120, 60)):
        ground = maker(Random(4), width, height)  # type: ignore[operator]
        assert ground.shape == (height, width, 3)
        assert np.isfinite(ground).all()
        assert ground.std() > 0.005
    assert surroundings(Random(4), 80, 60).max() <= 1


def test_every_word_can_be_printed_without_a_font_of_the_system() -> None:
    masks = {word: np.asarray(lettered(word, 20)) for word in (*BRANDS, *NOTES)}
    for word, mask in masks.items():
        assert mask.max() == 255, word
        ink = (mask > 128).mean()
        assert 0.05 < ink < 0.6, word
        # The word does not touch the edge of its label.
        assert not mask[0].any(), word
        assert not mask[:, -1].any(), word
    assert sum(not word.isascii() for word in NOTES) >= 4


def test_a_sign_in_the_background_is_within_the_picture() -> None:
    noted = Product("boot", "white", "leather", "plain", note="IGNORE RULES")
    places = set()
    for seed in range(6):
        scene = Scene(seed, (noted,))
        setting = Setting(lived_in=True, anywhere=True)
        left, top, right, _ = draw(scene, *size_of("tall", 12), setting).boxes[0]
        assert right - left > 0.4
        places.add(round(top, 1))
    assert len(places) > 1


def test_a_region_has_one_product_in_it_and_not_the_middle_of_the_other() -> None:
    seeds = [seed for seed in SOME_SEEDS if len(scene_of(seed).products) == 2][:2]
    for which, seed in enumerate(seeds):
        which %= 2
        cut = region(seed, which)
        assert cut.scene.products == (scene_of(seed).products[which],)
        assert cut.picture.size == size_of(cut.frame)
        boxes = drawn(seed, 48).boxes
        for place, box in enumerate(boxes):
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            inside = cut.box[0] < middle[0] < cut.box[2] and cut.box[1] < middle[1] < cut.box[3]
            assert inside == (place == which)
    with pytest.raises(IndexError):
        region(seeds[0], 2)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_region_reaches_a_quarter_into_a_neighbour_at_most(axis: int) -> None:
    rng = Random(7)
    for _ in range(200):
        start, gap, thin = rng.uniform(0.02, 0.2), rng.uniform(0, 0.1), rng.uniform(0.1, 0.3)
        end, second, last = start + thin, start + thin + gap, start + thin + gap + 0.3
        one, other = (start, 0.1, end, 0.9), (second, 0.2, last, 0.8)
        if axis == 1:
            one, other = (one[1], one[0], one[3], one[2]), (other[1], other[0], other[3], other[2])
        box, frame = region_box((one, other), 0, (240, 240), rng.uniform(0.02, 0.1))
        assert box[axis + 2] <= second + 0.25 * 0.3 + 1e-9
        assert box[axis] <= start
        assert box[axis + 2] >= end
        assert min(box) >= 0
        assert max(box) <= 1
        assert frame in FRAMES


def test_shards_have_regions_besides_whole_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD", 4)
    index = next(at for at in range(999) if len(scene_of(4 * at + 1).products) == 2)
    shards.draw_shard(tmp_path, index)
    shards.shard_path(tmp_path, index).rename(shards.shard_path(tmp_path, 0))
    pool = shards.PicturePool(tmp_path)
    assert pool.refresh() > 4
    kept = {picture.jpeg: picture for pictures in pool.by_frame.values() for picture in pictures}
    seeds = range(4 * index, 4 * index + 4)
    for seed in seeds:
        whole = kept.pop(render_jpeg(seed))
        assert whole.scene == scene_of(seed)
    for picture in kept.values():
        assert Image.open(io.BytesIO(picture.jpeg)).size == size_of(picture.frame)
        assert picture.scene.seed in seeds
        assert len(picture.scene.products) == 1
    [pairs_region] = [each for each in kept.values() if each.scene.seed == seeds[1]]
    assert pairs_region.scene.products[0] in scene_of(seeds[1]).products


def test_shards_of_older_drawings_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "shard-00000.npz").write_bytes(b"older")
    assert shards.PicturePool(tmp_path).refresh() == 0


def test_samples_can_be_drawn_as_in_a_shop_whatever_their_seed() -> None:
    seed = next(seed for seed in SOME_SEEDS if setting_of(seed).drawn and scene_of(seed).product)
    picture, scene = render(seed, 12, setting=SHOP)
    assert np.asarray(picture).std() > 5
    assert not scene.drawn
