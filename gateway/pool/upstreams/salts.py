"""Names under which a server of another kind keeps what it has computed, apart by tenant: how fast
an answer begins would otherwise tell what other tenants have asked, or shown, before."""

import hashlib
import hmac
from functools import lru_cache

# Tenants whose salt is remembered: it is the same for ever.
REMEMBERED = 1_024


class Salts:
    """`secret`: all gateways have the same, so that one finds what another has had computed. The
    names cannot be guessed without it, nor told from which tenant they are."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"prefix caches " + secret.encode()).digest()
        self.of_prefixes = lru_cache(REMEMBERED)(self._of_prefixes)

    def of_photo(self, namespace: str, data: bytes) -> str:
        """For a photo's features. `data`: the file that the server is sent."""
        return self._name(b"photo", namespace, hashlib.sha256(data).digest())

    def _of_prefixes(self, namespace: str) -> str:
        return self._name(b"prefix", namespace)

    def _name(self, what: bytes, namespace: str, digest: bytes = b"") -> str:
        tenant = hashlib.sha256(namespace.encode()).digest()
        return hmac.new(self._key, what + tenant + digest, hashlib.sha256).hexdigest()
