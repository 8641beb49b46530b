"""Training pictures on disk. One process draws shards of them, and the trainer loads each new
one."""

import io
import os
import random
import sys
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo_model.pictures.facts import Scene, scene_of, visible
from demo_model.pictures.regions import alone, region
from demo_model.pictures.renderer import frame_of, render_jpeg

SHARD = 256  # seeds in a file, whose pictures take a few seconds to draw
# Raised when seeds give other scenes or pictures, so that older shards are not read any more.
DRAWING = 2
# Of pictures that are not of the demo world. Most files are drawings, but photographs are harder.
OUTSIDE_SHARES = {"photograph": 0.45, "drawing": 0.33, "screenshot": 0.11, "page": 0.11}
WHOLE = -1  # in place of a product's number: the picture is no region


@dataclass(frozen=True)
class Picture:
    """One training picture, still compressed."""

    scene: Scene
    jpeg: bytes
    frame: str


def shard_path(folder: Path, index: int) -> Path:
    return folder / f"shard-{DRAWING}-{index:05d}.npz"


def draw_shard(folder: Path, index: int) -> None:
    """Draw the pictures of SHARD seeds, and regions of some."""
    seeds = range(index * SHARD, (index + 1) * SHARD)
    pictures = [Picture(scene_of(seed), render_jpeg(seed), frame_of(seed)) for seed in seeds]
    places = [WHOLE] * len(pictures)
    for picture in list(pictures):
        if (which := _region_to_show(picture.scene)) != WHOLE:
            shown = region(picture.scene.seed, which)
            pictures.append(Picture(shown.scene, shown.jpeg(), shown.frame))
            places.append(which)
    write_shard(
        shard_path(folder, index),
        [picture.jpeg for picture in pictures],
        frames=[picture.frame for picture in pictures],
        seeds=[picture.scene.seed for picture in pictures],
        products=places,
    )


def _region_to_show(scene: Scene) -> int:
    """The product of which a region is shown besides: of one pair in four, and one single product
    in sixteen."""
    count = len(scene.products)
    shows = count and scene.seed % (4 if count == 2 else 16) == 1
    return scene.seed // 4 % count if shows else WHOLE


def write_shard(path: Path, jpegs: list[bytes], **columns: list[str] | list[int]) -> None:
    """Write pictures, and what else is known of each. The file is whole as soon as it is there."""
    partial = path.with_name(f"partial-{path.name}")
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    arrays["lengths"] = np.array([len(jpeg) for jpeg in jpegs])
    arrays["data"] = np.frombuffer(b"".join(jpegs), dtype=np.uint8)
    np.savez(partial, **arrays)
    partial.rename(path)


def _cut(data: bytes, lengths: list[int]) -> list[bytes]:
    ends = list(accumulate(lengths))
    return [data[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def outside_pictures(folder: Path) -> list[Picture]:
    """Pictures that are not of the demo world, as `python -m demo_model.pictures.outside` has
    written them into `folder`, always in the same order.

    Raises FileNotFoundError where there are none.
    """
    pictures: list[Picture] = []
    for path in sorted(folder.glob("outside-*.npz")):
        with np.load(path) as shard:
            jpegs = _cut(shard["data"].tobytes(), shard["lengths"].tolist())
            columns = zip(jpegs, shard["frames"].tolist(), shard["kinds"].tolist(), strict=True)
        for jpeg, frame, kind in columns:
            pictures.append(Picture(Scene(-1 - len(pictures), (), outside=kind), jpeg, frame))
    if not pictures:
        raise FileNotFoundError(
            f"{folder} has no pictures: run python -m demo_model.pictures.outside {folder.parent}"
        )
    return pictures


def draw_forever(folder: Path, last_shard: int) -> None:
    """The drawing process, at low priority. It continues after the existing shards."""
    os.nice(10)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(last_shard):
        if not shard_path(folder, index).exists():
            draw_shard(folder, index)


class PicturePool:
    """All pictures drawn so far, grouped by frame shape, and those of the `outside` folder."""

    def __init__(self, folder: Path, outside: Path | None = None) -> None:
        self.folder = folder
        self.by_frame: dict[str, list[Picture]] = {}
        self.size = 0
        self._next = 0
        # By frame, then by what they are.
        self.outside: dict[str, dict[str, list[Picture]]] = {}
        for picture in outside_pictures(outside) if outside else ():
            kinds = self.outside.setdefault(picture.frame, {})
            kinds.setdefault(picture.scene.outside or "", []).append(picture)

    def refresh(self) -> int:
        """Load new shards. Returns the number of pictures."""
        while shard_path(self.folder, self._next).exists():
            with np.load(shard_path(self.folder, self._next)) as shard:
                jpegs = _cut(shard["data"].tobytes(), shard["lengths"].tolist())
                columns = [shard[name].tolist() for name in ("seeds", "products", "frames")]
            for jpeg, seed, which, frame in zip(jpegs, *columns, strict=True):
                scene = visible(scene_of(seed))
                picture = Picture(scene if which == WHOLE else alone(scene, which), jpeg, frame)
                # Pairs are few, and the hardest. So training sees them twice as often.
                copies = len(picture.scene.products) if picture.scene.products else 1
                self.by_frame.setdefault(frame, []).extend([picture] * copies)
            self.size += len(jpegs)
            self._next += 1
        return self.size

    def wait_for(self, count: int) -> None:
        """Block until so many pictures are there."""
        while self.refresh() < count:
            time.sleep(2)

    def batch(
        self,
        rng: random.Random,
        count: int,
        *,
        thumbnails: float = 0.12,
        outside: float = 0.08,
    ) -> tuple[NDArray[np.uint8], list[Scene]]:
        """`count` pictures of one shape, uint8 (count, height, width, 3), and their scenes.

        `thumbnails`: the share of square pictures at 128 px instead of 160. `outside`: the share
        of pictures that are not of the demo world, if the pool has any.
        """
        frames = list(self.by_frame)
        frame = rng.choices(frames, [len(self.by_frame[name]) for name in frames])[0]
        chosen = rng.choices(self.by_frame[frame], k=count)
        if kinds := self.outside.get(frame):
            chosen = [_stranger(kinds, rng) if rng.random() < outside else own for own in chosen]
        side = 128 if frame == "square" and rng.random() < thumbnails else None
        pixels = [_pixels(picture, side, rng) for picture in chosen]
        return np.stack(pixels), [picture.scene for picture in chosen]


def _stranger(kinds: dict[str, list[Picture]], rng: random.Random) -> Picture:
    kind = rng.choices(list(kinds), [OUTSIDE_SHARES[kind] for kind in kinds])[0]
    return rng.choice(kinds[kind])


def _pixels(picture: Picture, side: int | None, rng: random.Random) -> NDArray[np.uint8]:
    image, scene = Image.open(io.BytesIO(picture.jpeg)).convert("RGB"), picture.scene
    if side:
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    # Mirroring would change a printed word, and the order of two products.
    mirrors = len(scene.products) < 2 and not any(product.words for product in scene.products)
    mirrors = mirrors and scene.outside not in ("screenshot", "page")
    if mirrors and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


if __name__ == "__main__":
    draw_forever(Path(sys.argv[1]), int(sys.argv[2]))
