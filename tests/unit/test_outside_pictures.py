"""Pictures that are not of the demo world: which files are taken, and the shards made of them."""

import hashlib
import io
import subprocess
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from demo_model.pictures.facts import FIRST_HELD_OUT_SEED
from demo_model.pictures.outside.building import PACKAGES, build, fingerprint
from demo_model.pictures.outside.framing import opened, view
from demo_model.pictures.outside.packages import (
    OutsideMissing,
    Package,
    Pictures,
    fetch,
    packages,
)
from demo_model.pictures.outside.pages import PAGE_SEEDS, page
from demo_model.pictures.renderer import FRAMES, frame_for, size_of
from demo_model.pictures.shards import WHOLE, PicturePool, outside_pictures, shard_path, write_shard

FEW = {"train": range(20), "test": range(20, 22)}


def photo(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Coloured blocks: something to see, another for each seed."""
    rng = Random(seed)
    picture = Image.new("RGB", size, (rng.randrange(256), rng.randrange(256), 90))
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        fill = tuple(rng.randrange(256) for _ in range(3))
        draw.rectangle((x, y, x + size[0] // 5, y + size[1] // 5), fill=fill)
    return picture


def debian_package(
    folder: Path, name: str, split: str, files: dict[str, Image.Image], views: int = 1
) -> Package:
    """A real .deb file with these pictures, as if it had been downloaded."""
    tree = folder / f"tree-{name}"
    for path, picture in files.items():
        (tree / "usr/share" / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tree / "usr/share" / path)
    (tree / "DEBIAN").mkdir()
    control = f"Package: {name}\nVersion: 1:1\nArchitecture: all\nMaintainer: a <a@b.c>\n"
    (tree / "DEBIAN/control").write_text(control + "Description: pictures\n")
    pictures = Pictures("usr/share/**/*", "photograph", views=views)
    package = Package(name, "1:1", split, 1, "", (pictures,))
    deb = package.deb(folder / "made" / PACKAGES)
    deb.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", "-Znone", tree, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return Package(name, "1:1", split, 1, digest, (pictures,))


def test_training_and_test_share_no_package_no_page_and_no_pattern_without_files() -> None:
    by_split = {
        split: {package.name for package in packages() if package.split == split}
        for split in ("train", "test")
    }
    assert not by_split["train"] & by_split["test"]
    assert len(by_split["train"] | by_split["test"]) == len(packages())
    assert not set(PAGE_SEEDS["train"]) & set(PAGE_SEEDS["test"])
    assert PAGE_SEEDS["train"].stop <= FIRST_HELD_OUT_SEED <= PAGE_SEEDS["test"].start
    assert sum(package.size for package in packages()) < 700e6


def test_shards_of_packages_hold_what_training_and_the_test_read(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (200, 200))
    clear.paste(photo(5, (120, 80)), (40, 60))
    train = debian_package(
        tmp_path,
        "a-train",
        "train",
        {"x/wide.jpg": photo(1, (600, 300)), "x/cut.png": clear, "x/red-hat.png": photo(2)},
        views=3,
    )
    test = debian_package(tmp_path, "a-test", "test", {"y/lake.png": photo(3)})
    folder = tmp_path / "made"
    assert build(folder, "train", (train, test), FEW) == 6 + len(FEW["train"])
    pictures = outside_pictures(folder / "train")
    assert {picture.scene.outside for picture in pictures} == {"photograph", "page", "screenshot"}
    assert len({picture.scene.seed for picture in pictures}) == len(pictures)
    for picture in pictures:
        assert Image.open(io.BytesIO(picture.jpeg)).size == size_of(picture.frame)
        assert not picture.scene.products
    sources = [
        source
        for path in (folder / "train").glob("*.npz")
        for source in np.load(path)["sources"].tolist()
    ]
    taken = {source.partition("#")[0] for source in sources if "/" in source}
    assert taken == {"a-train/usr/share/x/wide.jpg", "a-train/usr/share/x/cut.png"}
    before = [picture.jpeg for picture in pictures]
    (folder / "train/pictures.json").unlink()
    build(folder, "train", (train, test), FEW)
    assert [picture.jpeg for picture in outside_pictures(folder / "train")] == before


def test_a_training_picture_that_is_also_in_the_test_is_left_out(tmp_path: Path) -> None:
    same = photo(9, (640, 480))
    train = debian_package(
        tmp_path, "b-train", "train", {"copy.jpg": same.resize((300, 225)), "own.jpg": photo(4)}
    )
    test = debian_package(tmp_path, "b-test", "test", {"original.png": same})
    assert build(tmp_path / "made", "train", (train, test), FEW) == 1 + len(FEW["train"])
    assert (fingerprint(same) ^ fingerprint(photo(4))).bit_count() > 12


def test_another_file_than_expected_is_refused_by_name(tmp_path: Path) -> None:
    package = debian_package(tmp_path, "c", "train", {"a.jpg": photo(1)})
    with package.deb(tmp_path / "made" / PACKAGES).open("ab") as file:
        file.write(b"!")
    with pytest.raises(OutsideMissing, match="another file than expected"):
        fetch((package,), tmp_path / "made" / PACKAGES, print)


def test_without_pictures_the_command_to_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m demo_model"):
        outside_pictures(tmp_path / "train")


@pytest.mark.parametrize("size", [(640, 640), (800, 600), (600, 800), (1920, 1080), (500, 1400)])
def test_a_picture_of_any_shape_fits_a_frame_of_the_model(size: tuple[int, int]) -> None:
    seen, frame = view(photo(1, size), 0, "photograph", Random(0))
    assert frame == frame_for(*size)
    assert seen.size == size_of(frame)
    wide = FRAMES[frame][0] > FRAMES[frame][1]
    assert wide == (size[0] > size[1])


def test_a_cut_out_is_seen_on_white_and_then_on_other_backgrounds(tmp_path: Path) -> None:
    sheet = Image.new("RGBA", (400, 400))
    sheet.paste(photo(5, (90, 90)), (10, 300))
    sheet.save(tmp_path / "cut.png")
    cut = opened(tmp_path / "cut.png")
    assert cut is not None
    assert cut.size == (90, 90)
    plain, _ = view(cut, 0, "drawing", Random(1))
    placed, _ = view(cut, 1, "drawing", Random(1))
    assert plain.getpixel((0, 0)) == (255, 255, 255)
    assert placed.getpixel((0, 0)) != (255, 255, 255)


def test_empty_sheets_and_files_that_are_no_pictures_are_passed_over(tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "white").save(tmp_path / "empty.png")
    Image.new("RGBA", (300, 300)).save(tmp_path / "clear.png")
    photo(1, (40, 300)).save(tmp_path / "thin.png")
    (tmp_path / "text.png").write_bytes(b"no picture")
    for name in ("empty", "clear", "thin", "text"):
        assert opened(tmp_path / f"{name}.png") is None, name


def test_a_page_is_the_same_each_time_and_not_flat() -> None:
    for seed in range(12):
        picture, frame, kind = page(seed)
        assert picture.size == size_of(frame)
        assert kind in ("page", "screenshot")
        assert np.asarray(picture).std() > 4
        assert np.array_equal(np.asarray(page(seed)[0]), np.asarray(picture))


def test_a_batch_has_its_share_of_strangers(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    jpeg = io.BytesIO()
    photo(1, (160, 160)).save(jpeg, "JPEG")
    kinds = ["drawing"] * 9 + ["photograph"]
    columns = {"frames": ["square"] * 10, "kinds": kinds, "sources": ["a"] * 10}
    write_shard(tmp_path / "out/outside-00000.npz", [jpeg.getvalue()] * 10, **columns)
    own = {"frames": ["square"] * 5, "seeds": list(range(5)), "products": [WHOLE] * 5}
    write_shard(shard_path(tmp_path, 0), [jpeg.getvalue()] * 5, **own)
    pool = PicturePool(tmp_path, tmp_path / "out")
    assert pool.refresh() == 5
    rng = Random(0)
    scenes = [pool.batch(rng, 50, thumbnails=0, outside=0.2)[1] for _ in range(8)]
    strangers = [scene.outside for batch in scenes for scene in batch if scene.outside]
    assert 50 < len(strangers) < 120
    # One in ten of the files, but as many as its kind is to have.
    assert strangers.count("photograph") > strangers.count("drawing") * 0.9
    assert not any(scene.outside for scene in pool_of(tmp_path).batch(rng, 20)[1])


def pool_of(folder: Path) -> PicturePool:
    pool = PicturePool(folder)
    pool.refresh()
    return pool
