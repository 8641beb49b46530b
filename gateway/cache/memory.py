"""Answers in this process, for the embedded default: bounded by bytes, least recently used out."""

import re
import time
from collections import OrderedDict
from collections.abc import Sequence


class MemoryStore:
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def get(self, name: str) -> bytes | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        expires, value = entry
        if time.monotonic() >= expires:
            self._drop(name)
            return None
        self._entries.move_to_end(name)
        return value

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        if name in self._entries:
            self._drop(name)
        self._entries[name] = (time.monotonic() + ttl_s, value)
        self._size += len(value)
        while self._size > self._limit:
            self._drop(next(iter(self._entries)))

    async def delete(self, names: Sequence[str]) -> int:
        there = {name for name in names if name in self._entries}
        for name in there:
            self._drop(name)
        return len(there)

    async def delete_matching(self, pattern: str) -> int:
        """As Redis matches: `*` is any text, a backslash takes the next character as it is."""
        found = re.compile(re.sub(r"\\(.)|(\*)|(.)", _as_regex, pattern))
        names = [name for name in self._entries if found.fullmatch(name)]
        for name in names:
            self._drop(name)
        return len(names)

    async def close(self) -> None:
        self._entries.clear()

    def _drop(self, name: str) -> None:
        _, value = self._entries.pop(name)
        self._size -= len(value)


def _as_regex(match: re.Match[str]) -> str:
    return ".*" if match[2] else re.escape(match[1] or match[3])
