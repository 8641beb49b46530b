"""User ids in the log: keyed hashes (HMAC) that start with the id of their key. When a key is
replaced, rows under the old one can still be found."""

import hashlib
import hmac

# A pseudonym is 32 hex digits: the id of the key, then 112 bits of the hash.
KEY_ID_DIGITS = 4
DIGITS = 32


class Pseudonyms:
    """`keys`: separated by white space, the newest first. The newest makes new pseudonyms, and all
    serve to find old ones. Raises ValueError for no key, or for two keys with the same id."""

    def __init__(self, keys: str) -> None:
        self._keys = tuple((key_id(key), key) for key in keys.split())
        if not self._keys or len(dict(self._keys)) < len(self._keys):
            raise ValueError("pseudonym keys: none, or two with one id; make another one")

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(id_ for id_, _ in self._keys)

    def of(self, tenant: str, user: str) -> str:
        """The pseudonym under which a person's requests are recorded now."""
        return _pseudonym(*self._keys[0], tenant, user)

    def every(self, tenant: str, user: str) -> tuple[str, ...]:
        """All pseudonyms that a person's rows may have, the current one first."""
        return tuple(_pseudonym(*key, tenant, user) for key in self._keys)


def key_id(key: str) -> str:
    return hmac.new(key.encode(), b"id", hashlib.sha256).hexdigest()[:KEY_ID_DIGITS]


def _pseudonym(id_: str, key: str, tenant: str, user: str) -> str:
    message = f"{len(tenant)}:{tenant}{user}".encode()
    digest = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return id_ + digest[: DIGITS - KEY_ID_DIGITS]
