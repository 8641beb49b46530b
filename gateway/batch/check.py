"""An uploaded file → the lines of a batch, or all that is wrong with it, line by line."""

import hashlib
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from contract.errors import ShopsightError
from contract.http import MAX_BODY_BYTES
from contract.json_body import MAX_DEPTH, parse_object

# Of one batch, as OpenAI has it.
MAX_LINES = 50_000
MAX_CUSTOM_ID_CHARS = 512
# Errors that are told of one file: whoever has more of them has one mistake.
MAX_ERRORS = 100
# Where the photo of a question is named, in any form of it.
PHOTO_FIELDS = frozenset({"url", "image", "image_id", "photo"})

NameUser = Callable[[str], str]
"""The pseudonym of a user's id."""


@dataclass(frozen=True)
class CheckedLine:
    number: int
    """From 1."""
    custom_id: str
    position: int
    length: int
    photo: bytes
    """Equal for lines about the same photo; empty where there is none."""
    user_pseudonym: str | None


@dataclass(frozen=True)
class LineError:
    code: str
    message: str
    line: int | None = None
    param: str | None = None


class UnusableFileError(Exception):
    """`errors` says why, line by line."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


class _BadLineError(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.told = code, message, param


def check_file(path: Path, endpoint: str, name_user: NameUser) -> list[CheckedLine]:
    """The lines in the order in which they are to be asked: those about the same photo behind its
    first. Raises UnusableFileError; OSError where the file is gone."""
    lines: list[CheckedLine] = []
    errors: list[LineError] = []
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, position, raw in raw_lines(file):
            if len(errors) >= MAX_ERRORS:
                break
            if not raw.strip():
                continue
            if len(lines) >= MAX_LINES:
                errors.append(LineError("too_many_lines", f"At most {MAX_LINES:,} lines.", number))
                break
            try:
                value = _checked(raw, endpoint, seen)
            except _BadLineError as error:
                code, message, param = error.told
                errors.append(LineError(code, message, number, param))
                continue
            seen.add(value["custom_id"])
            user = user_of(value)
            named = name_user(user) if user is not None else None
            place = number, value["custom_id"], position, len(raw)
            lines.append(CheckedLine(*place, photo_of(value["body"]), named))
    if not lines and not errors:
        errors.append(LineError("empty_file", "The file has no lines."))
    if errors:
        raise UnusableFileError(errors)
    return by_photo(lines)


def raw_lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Number, position and bytes of each line. A line is read up to a bound, the rest of a longer
    one is passed over: its bytes then have no end of line. So is a byte order mark at the file's
    beginning, as Windows' editors and spreadsheets write it."""
    number, position = 0, len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    file.seek(position)
    while raw := file.readline(MAX_BODY_BYTES + 1):
        number += 1
        size = len(raw)
        yield number, position, raw
        while len(raw) > MAX_BODY_BYTES and not raw.endswith(b"\n"):
            raw = file.readline(MAX_BODY_BYTES + 1)
            size += len(raw)
        position += size


def by_photo(lines: list[CheckedLine]) -> list[CheckedLine]:
    """A replica that has read a photo answers the next question about it sooner."""
    first: dict[bytes, int] = {}
    for line in lines:
        first.setdefault(line.photo, line.number)
    return sorted(lines, key=lambda line: first[line.photo] if line.photo else line.number)


def parse_line(raw: bytes) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def user_of(line: dict[str, Any]) -> str | None:
    """The id of the person whom the question of a line names."""
    body = line.get("body")
    user = body.get("user") if isinstance(body, dict) else None
    return user if isinstance(user, str) else None


def _checked(raw: bytes, endpoint: str, seen: Collection[str]) -> dict[str, Any]:
    if len(raw) > MAX_BODY_BYTES:
        raise _BadLineError("line_too_large", f"A line has at most {MAX_BODY_BYTES:,} bytes.")
    value = parse_line(raw)
    if value is None:
        raise _BadLineError("invalid_json_line", "This line is not parseable as valid JSON.")
    try:
        parse_object(raw, MAX_DEPTH + 1)
    except ShopsightError:
        told = "This line has a key twice, nests too deep, or holds a number that is too large."
        raise _BadLineError("invalid_json_line", told) from None
    custom_id = value.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MAX_CUSTOM_ID_CHARS:
        told = f"Each line needs a custom_id of 1 to {MAX_CUSTOM_ID_CHARS} characters."
        raise _BadLineError("invalid_custom_id", told, "custom_id")
    if custom_id in seen:
        told = "The custom_id of this line is that of an earlier one."
        raise _BadLineError("duplicate_custom_id", told, "custom_id")
    if value.get("method") != "POST":
        raise _BadLineError("invalid_method", "The method of each line is POST.", "method")
    if value.get("url") != endpoint:
        told = "The url of this line is not the endpoint of the batch."
        raise _BadLineError("mismatched_url", told, "url")
    if not isinstance(value.get("body"), dict):
        raise _BadLineError("invalid_body", "The body of each line is a JSON object.", "body")
    return value


def photo_of(body: dict[str, Any]) -> bytes:
    """A digest of what names the first photo: its data, or its id."""
    rest: list[Any] = [body]
    while rest:
        item = rest.pop()
        if isinstance(item, list):
            rest += reversed(item)
        elif isinstance(item, dict):
            for name, value in item.items():
                if name in PHOTO_FIELDS and isinstance(value, str) and value:
                    return hashlib.sha256(value.encode()).digest()[:12]
            rest += reversed(item.values())
    return b""
