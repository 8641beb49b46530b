"""A merchant's catalogue: a CSV of photos and questions on the way in, one with answers on the way
out."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.whole_file import whole_file

# Names of the two columns, in the languages of catalogues. Without one of the first, the first
# column has the photos.
PHOTO_COLUMNS = ("photo", "image", "picture", "file", "filename", "照片", "图片", "图片文件")
QUESTION_COLUMNS = ("question", "问题", "提问")
# As Excel writes a CSV: UTF-8 with a mark, or the Windows charset of China.
CHARSETS = ("utf-8-sig", "gb18030")
DELIMITERS = ",;\t"
MEDIA = {".png": "image/png", ".webp": "image/webp"}
CHAT, CARD = "/v1/chat/completions", "/v1/products/card"
# What an answer carries besides the answer.
FRAME = ("id", "object", "created", "model", "model_revision", "system_fingerprint", "usage")
# Columns that this adds where an answer is no card.
ANSWER, ERROR = "answer", "error"


@dataclass(frozen=True)
class Item:
    """One row. `question` is empty where a card is wanted."""

    number: int
    """Of the row, from 1; the header is none."""
    row: Mapping[str, str]
    photo: Path
    question: str

    @property
    def id(self) -> str:
        """Another one where the row asks something else, or its photo has changed."""
        about = self.photo.stat()
        parts = (self.photo.name, str(about.st_size), str(about.st_mtime_ns), self.question)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return f"row-{self.number}-{digest[:12]}"

    def line(self) -> bytes:
        """Of the file that is uploaded, with its photo."""
        data = base64.b64encode(self.photo.read_bytes()).decode()
        uri = f"data:{MEDIA.get(self.photo.suffix.lower(), 'image/jpeg')};base64,{data}"
        url, body = CARD, {"image": uri}
        if self.question:
            parts = [
                {"type": "image_url", "image_url": {"url": uri}},
                {"type": "text", "text": self.question},
            ]
            url = CHAT
            body = {"model": "shopsight", "messages": [{"role": "user", "content": parts}]}  # type: ignore[dict-item]
        line = {"custom_id": self.id, "method": "POST", "url": url, "body": body}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    @property
    def endpoint(self) -> str:
        return CHAT if self.question else CARD


def read_catalogue(file: Path, photos: Path, question: str) -> tuple[list[str], list[Item]]:
    """The columns, and a row each. `question`: where a row has none of its own; empty: a card.
    Raises SystemExit with what is wrong."""
    text = _decoded(file)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    columns = list(rows[0]) if rows else []
    if not rows or not columns:
        raise SystemExit(f"{file} has no rows below its header.")
    named = {name.strip().lower(): name for name in columns if name}
    at = next((named[name] for name in PHOTO_COLUMNS if name in named), columns[0])
    asks = next((named[name] for name in QUESTION_COLUMNS if name in named), None)
    items, missing = [], []
    for number, row in enumerate(rows, 1):
        name = (row.get(at) or "").strip()
        photo = photos / name
        if not name or not photo.is_file():
            missing.append(f"row {number}: {name or 'no name'}")
            continue
        own = (row.get(asks) or "").strip() if asks is not None else ""
        kept = {column: row.get(column) or "" for column in columns if column}
        items.append(Item(number, kept, photo, own or question))
    if missing:
        shown = "\n".join(missing[:10])
        more = f"\n… and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise SystemExit(f"There is no such photo in {photos}:\n{shown}{more}")
    return columns, items


def _decoded(file: Path) -> str:
    data = file.read_bytes()
    for charset in CHARSETS:
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    raise SystemExit(f"{file} is neither in UTF-8 nor in GB 18030. Save it as CSV in UTF-8.")


def answer_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a line of an output or error file says, as columns."""
    response, error = result.get("response"), result.get("error")
    if response is None or response["status_code"] != 200:
        refused = response["body"]["error"] if response is not None else {}
        return {ERROR: (error or refused).get("code") or "failed"}
    body = response["body"]
    if "choices" in body:
        choice = body["choices"][0]
        cut = choice["finish_reason"] in ("content_filter", "length")
        told = {ANSWER: choice["message"]["content"]}
        return {**told, ERROR: choice["finish_reason"]} if cut else told
    card = body["card"] if isinstance(body.get("card"), dict) else body
    return {name: value for name, value in card.items() if name not in FRAME}


def write_csv(
    file: Path, columns: Iterable[str], items: Iterable[Item], answers: Mapping[str, dict[str, Any]]
) -> None:
    """Every row of the catalogue in its order, with its answer's columns behind its own. In UTF-8
    with a mark, so that Excel reads Chinese."""
    rows = [(item, answers.get(item.id, {ERROR: "not answered"})) for item in items]
    own = [column for column in columns if column]
    added = list(dict.fromkeys(name for _, told in rows for name in told if name != ERROR))
    added = [_apart(name, own) for name in added]
    with whole_file(file) as half, half.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, [*own, *added, _apart(ERROR, own)], restval="")
        writer.writeheader()
        for item, told in rows:
            cells = {_apart(name, own): _cell(value) for name, value in told.items()}
            writer.writerow({**item.row, **cells})


def _apart(name: str, own: Iterable[str]) -> str:
    return f"{name} (Shopsight)" if name in own else name


def _cell(value: Any) -> str:
    """As a spreadsheet shows it. A text that a spreadsheet would take for a formula is none."""
    if isinstance(value, list):
        return _cell("; ".join(map(str, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parts_of(items: Iterable[Item], max_bytes: int, max_lines: int) -> Iterator[list[Item]]:
    """Items of one endpoint each, as many as one file of a batch takes."""
    for endpoint in (CARD, CHAT):
        part: list[Item] = []
        size = 0
        for item in items:
            if item.endpoint != endpoint:
                continue
            expected = item.photo.stat().st_size * 4 // 3 + 4_096 + 4 * len(item.question)
            if part and (size + expected > max_bytes or len(part) >= max_lines):
                yield part
                part, size = [], 0
            part.append(item)
            size += expected
        if part:
            yield part
