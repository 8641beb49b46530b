"""What is known of photos by their addresses: facts with the server's name for that version of it
(ETag), and the last files. Within bounds; apart by tenant; addresses as hashes only."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from contract.images import EncodedImage, ImageFacts

# About 1 KB an entry: 10 MB of a gateway's 150.
REMEMBERED = 10_000
# An ETag is 20 to 70 characters long.
MAX_VALIDATOR_CHARS = 200
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")
_VALIDATOR = re.compile(rf"[\x20-\x7e]{{1,{MAX_VALIDATOR_CHARS}}}")


@dataclass(frozen=True)
class Fetched:
    data: bytes | None
    """None: not modified."""
    headers: Mapping[str, str]
    """With names in lower case."""


@dataclass(frozen=True)
class KnownPhoto:
    facts: ImageFacts
    etag: str | None
    last_modified: str | None
    fresh_until: float
    """In time.monotonic seconds: until then it is not asked for again."""

    @property
    def fresh(self) -> bool:
        return time.monotonic() < self.fresh_until

    @property
    def validators(self) -> dict[str, str]:
        both = {"etag": self.etag, "last-modified": self.last_modified}
        return {name: value for name, value in both.items() if value is not None}

    @property
    def condition(self) -> dict[str, str]:
        """Headers by which its server says whether it is still the same."""
        if self.etag is not None:
            return {"if-none-match": self.etag}
        if self.last_modified is not None:
            return {"if-modified-since": self.last_modified}
        return {}


def known_photo(
    facts: ImageFacts, headers: Mapping[str, str], max_fresh_s: float
) -> KnownPhoto | None:
    """Of an answer with these headers; None where nothing may, or need, be remembered."""
    fresh_s = freshness(headers, max_fresh_s)
    etag, modified = (_validator(headers, name) for name in ("etag", "last-modified"))
    if fresh_s is None or not (fresh_s or etag or modified):
        return None
    return KnownPhoto(facts, etag, modified, time.monotonic() + fresh_s)


def freshness(headers: Mapping[str, str], max_fresh_s: float) -> float | None:
    """Seconds for which its server says that it stays the same, bounded; None where it says that
    nobody may keep it (RFC 9111)."""
    control = headers.get("cache-control", "").lower()
    if "no-store" in control or "private" in control:
        return None
    found = _MAX_AGE.search(control)
    if found is None or "no-cache" in control:
        return 0.0
    age = headers.get("age", "0")
    spent = int(age[:10]) if age.isascii() and age.isdigit() else 0  # `²` is a digit, too
    return float(min(max(int(found[1]) - spent, 0), max_fresh_s))


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "")
    return value if _VALIDATOR.fullmatch(value) else None


def name_of(url: str, tenant: str) -> bytes:
    return hashlib.sha256(f"{len(tenant)}:{tenant}{url}".encode(errors="surrogatepass")).digest()


class KnownPhotos:
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._known: OrderedDict[bytes, KnownPhoto] = OrderedDict()
        self._files: OrderedDict[bytes, tuple[str, EncodedImage]] = OrderedDict()

    def get(self, name: bytes) -> KnownPhoto | None:
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
        return known

    def put(self, name: bytes, known: KnownPhoto | None) -> None:
        self._known.pop(name, None)
        if known is None:
            return
        self._known[name] = known
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def file(self, name: bytes, facts: ImageFacts) -> EncodedImage | None:
        """The file at this address, if it is kept and has these pixels."""
        digest, image = self._files.get(name, ("", None))
        if image is None or digest != facts.digest:
            return None
        self._files.move_to_end(name)
        return image

    def keep(self, name: bytes, facts: ImageFacts, image: EncodedImage) -> None:
        _, before = self._files.pop(name, ("", None))
        self._bytes += len(image.data) - (len(before.data) if before is not None else 0)
        self._files[name] = facts.digest, image
        while self._bytes > self._limit:
            _, (_, dropped) = self._files.popitem(last=False)
            self._bytes -= len(dropped.data)
