"""The photos of a set: files beside it, data URIs, ids of uploads; and small pictures of them for
the page."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from contract.errors import ShopsightError
from contract.images import EncodedImage, glance, parse_image_text
from gateway.evaluation.lines import BadSet, QuestionSet, SetLine

# Of a page's small pictures: 200 of them are 2 MB.
THUMBNAIL_SIDE = 240
THUMBNAIL_QUALITY = 72


@dataclass(frozen=True)
class SetPhoto:
    """`file` is None where the set holds the photo itself or names an upload."""

    text: str
    file: Path | None

    @property
    def name(self) -> str:
        """As a person calls it."""
        if self.file is not None:
            return self.file.name
        return self.text if self.is_upload else "photo"

    @property
    def is_upload(self) -> bool:
        return self.file is None and self.text.startswith("img_")

    @cached_property
    def digest(self) -> str:
        """Of what stands for the photo: another file is another photo."""
        if self.file is None:
            return hashlib.sha256(self.text.encode()).hexdigest()
        with self.file.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()

    def sent(self) -> str:
        """As a request names it: a data URI, or an id."""
        return self.text if self.file is None else self._encoded().data_uri

    def check(self) -> None:
        """Whether it looks like a photo. Raises ShopsightError."""
        if not self.is_upload:
            self._encoded().data_uri_prefix  # noqa: B018 - finds out which kind it is

    def thumbnail(self) -> str | None:
        """A data URI of a small JPEG; None of an upload, and of what is no photo."""
        if self.is_upload:
            return None
        try:
            pixels = glance(self._encoded())
        except ShopsightError:
            return None
        pixels.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        output = BytesIO()
        pixels.save(output, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
        return EncodedImage(output.getvalue()).data_uri

    def _encoded(self) -> EncodedImage:
        if self.file is None:
            return parse_image_text(self.text)
        return EncodedImage(self.file.read_bytes())


def photos_of(line: SetLine, beside: Path) -> tuple[SetPhoto, ...]:
    """`beside`: the folder of the set."""
    return tuple(
        SetPhoto(text, None if text.startswith(("img_", "data:")) else beside / text)
        for text in line.photos
    )


def check_photos(asked: QuestionSet) -> None:
    """Raises BadSet where a photo's file is not there or is none, before anything is asked."""
    for line in asked.lines:
        for photo in photos_of(line, asked.file.parent):
            if photo.file is not None and not photo.file.is_file():
                raise BadSet(f"{asked.file}, {line.id}: there is no photo {photo.file}.")
            try:
                photo.check()
            except ShopsightError as error:
                said = error.message("en")
                raise BadSet(f"{asked.file}, {line.id}, {photo.name}: {said}") from None
