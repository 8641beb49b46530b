"""What tells two requests under one Idempotency-Key apart. A form's boundary does not: who sends a
form again draws another one."""

import hashlib
from collections.abc import Iterable

from python_multipart.multipart import parse_options_header

# Of one form. Those that are read have a dozen parts at most.
MAX_DELIMITERS = 64
_FORM = b"multipart/form-data"
_PADDING = (b" ", b"\t")


def fingerprint_of(path: str, query: str, content_type: str, body: bytes) -> str:
    media, options = parse_options_header(content_type)
    boundary = options.pop(b"boundary", b"")
    pieces = _without_delimiters(body, boundary) if media == _FORM and boundary else None
    if pieces is None:
        return _hashed((path.encode(), query.encode(), content_type.encode(), body))
    named = [text for option in sorted(options.items()) for text in option]
    head = (path.encode(), query.encode(), _FORM, str(len(named)).encode(), *named)
    return _hashed((*head, *pieces))


def _without_delimiters(body: bytes, boundary: bytes) -> list[memoryview] | None:
    """What stands between the lines that the parser takes for the form's: such a line begins with
    the boundary, and goes on with nothing or what ends the form (RFC 2046, 5.1.1). Anywhere else
    the same letters are what somebody says. None for what is no form that anybody reads."""
    whole, line = b"\r\n" + body, b"\r\n--" + boundary
    view = memoryview(whole)
    pieces: list[memoryview] = []
    begun = at = 0
    for _ in range(MAX_DELIMITERS):
        at = whole.find(line, at)
        if at < 0:
            return [*pieces, view[begun:]]
        behind = at + len(line)
        if whole[behind : behind + 2] in (b"\r\n", b"--") or whole[behind : behind + 1] in _PADDING:
            pieces.append(view[begun:at])
            begun = behind
        at = behind
    return None


def _hashed(parts: Iterable[bytes | memoryview]) -> str:
    """Each with its length: no two lists have the same."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(f"{len(part)}:".encode())
        hasher.update(part)
    return hasher.hexdigest()[:32]
