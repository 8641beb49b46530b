"""User ids as the log knows them: keyed hashes that name their key, so that a key can be replaced
and what an older one made is still found."""

import hashlib
import hmac

# A pseudonym is 32 hex digits: so many say which key made it, the others are 112 bits of the hash.
KEY_ID_DIGITS = 4
DIGITS = 32


class Pseudonyms:
    """Of keys apart by white space, the newest first: it makes new pseudonyms, all find old ones.
    Raises ValueError without any, or when two have the same id."""

    def __init__(self, keys: str) -> None:
        self._keys = tuple((key_id(key), key) for key in keys.split())
        if not self._keys or len(dict(self._keys)) < len(self._keys):
            raise ValueError("pseudonym keys: none, or two with one id; make another one")

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(identity for identity, _ in self._keys)

    def of(self, tenant: str, user: str) -> str:
        """The name under which a person's requests are recorded now."""
        return _pseudonym(*self._keys[0], tenant, user)

    def every(self, tenant: str, user: str) -> tuple[str, ...]:
        """All names that a person's rows may have, the present one first."""
        return tuple(_pseudonym(*key, tenant, user) for key in self._keys)


def key_id(key: str) -> str:
    return hmac.new(key.encode(), b"id", hashlib.sha256).hexdigest()[:KEY_ID_DIGITS]


def _pseudonym(identity: str, key: str, tenant: str, user: str) -> str:
    message = f"{len(tenant)}:{tenant}{user}".encode()
    digest = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return identity + digest[: DIGITS - KEY_ID_DIGITS]
