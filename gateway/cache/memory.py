"""Stores answers in this process, for the embedded default. Bounded by bytes; the least recently
used answers are dropped. Other gateways do not see them."""

import re
import time
from collections import OrderedDict
from collections.abc import Sequence


class MemoryStore:
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()  # expiry, monotonic

    async def get(self, name: str) -> bytes | None:
        stored = self._values.get(name)
        if stored is None:
            return None
        expires_at, value = stored
        if time.monotonic() >= expires_at:
            self._drop(name)
            return None
        self._values.move_to_end(name)
        return value

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        if name in self._values:
            self._drop(name)
        self._values[name] = (time.monotonic() + ttl_s, value)
        self._size += len(value)
        while self._size > self._limit:
            self._drop(next(iter(self._values)))

    async def delete(self, names: Sequence[str]) -> int:
        present = {name for name in names if name in self._values}
        for name in present:
            self._drop(name)
        return len(present)

    async def delete_matching(self, pattern: str) -> int:
        """Patterns as in Redis: `*` is any text, a backslash escapes the next character."""
        regex = re.compile(re.sub(r"\\(.)|(\*)|(.)", _as_regex, pattern))
        names = [name for name in self._values if regex.fullmatch(name)]
        for name in names:
            self._drop(name)
        return len(names)

    async def close(self) -> None:
        self._values.clear()

    def _drop(self, name: str) -> None:
        _, value = self._values.pop(name)
        self._size -= len(value)


def _as_regex(match: re.Match[str]) -> str:
    return ".*" if match[2] else re.escape(match[1] or match[3])
