"""API keys: how one is made, which are in force, and the lines of API_KEYS."""

import hashlib
import math
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.identity.scopes import USUAL, checked_tenant

KEY_PREFIX = "sk-shopsight-"
# Of a key's hash: enough to tell keys apart in lists and in the audit.
ID_DIGITS = 12
_HASH = re.compile(r"[0-9a-fA-F]{64}")


class UnreadableKeysError(ValueError):
    """A line of API_KEYS cannot be read. The text says which and why, and repeats nothing of it."""


@dataclass(frozen=True)
class ApiKey:
    hash: str
    tenant: str
    scopes: frozenset[str] = USUAL
    expires_at: float = math.inf
    """Unix seconds."""

    @property
    def id(self) -> str:
        return self.hash[:ID_DIGITS]


def hash_key(key: str) -> str:
    # Keys are 256 random bits and cannot be guessed, so a fast hash is enough.
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


class KeyRing:
    """The keys in force: the lines of API_KEYS, and the table's rows as they were last read. The
    event loop reads it. `replace` may be called by another thread."""

    def __init__(self, lines: Iterable[ApiKey] = ()) -> None:
        self._lines = {key.hash: key for key in lines}
        self._in_force: Mapping[str, ApiKey] = self._lines
        self._revoked: set[str] = set()
        self._ends: dict[str, float] = {}
        self.configured = bool(self._lines)
        """Whether there is or was any key. Where there never was one, a sent key means nothing."""
        self.complete = True
        """False while nobody knows the table's rows: an unknown key may be one of them."""

    def find(self, hashed: str) -> ApiKey | None:
        return self._in_force.get(hashed)

    def by_id(self, key_id: str) -> ApiKey | None:
        """For what goes on after the request that the key was sent with."""
        return next((key for key in self._in_force.values() if key.id == key_id), None)

    def replace(self, rows: Iterable[ApiKey], revoked: Iterable[str]) -> None:
        """`revoked`: hashes of keys that are not in force, though a line may name them. They stay
        so, and no key gets a later end than it had: a table that is being restored does not know
        for a while what was revoked and rotated since."""
        self._revoked.update(revoked)
        known = dict(self._lines)
        for key in rows:
            ends_at = min(key.expires_at, self._ends.get(key.hash, key.expires_at))
            self._ends[key.hash] = ends_at
            known[key.hash] = replace(key, expires_at=ends_at)
        self._in_force = {h: key for h, key in known.items() if h not in self._revoked}
        self.configured = bool(known or self._revoked)
        self.complete = True


def parse_api_keys(text: str) -> list[ApiKey]:
    """Lines `tenant sha256-of-key`; `#` starts a comment. Raises UnreadableKeysError."""
    keys: dict[str, ApiKey] = {}
    # Not splitlines(): it also breaks at signs that look like nothing.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        fields = re.split(r"[ \t]+", line.partition("#")[0].strip(" \t\r"))
        if fields == [""]:
            continue
        try:
            key = _of_line(fields)
            if keys.setdefault(key.hash, key) != key:
                raise ValueError("an earlier line gives this key to another tenant")
        except ValueError as error:
            why = f"Line {number} of API_KEYS cannot be read: {error}."
            raise UnreadableKeysError(why) from None
    return list(keys.values())


def _of_line(fields: list[str]) -> ApiKey:
    if any(field.startswith(KEY_PREFIX) for field in fields):
        raise ValueError("it has a key itself where the key's SHA-256 belongs")
    if len(fields) != 2:
        raise ValueError("it is not `tenant sha256-of-key`")
    tenant, hashed = fields
    if not _HASH.fullmatch(hashed):
        raise ValueError("the second word is no SHA-256, which has 64 hexadecimal digits")
    return ApiKey(hashed.lower(), checked_tenant(tenant))
