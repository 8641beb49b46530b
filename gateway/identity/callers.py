"""Headers → Caller: an API key names a tenant, a signed session cookie an anonymous shopper."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from itsdangerous import BadSignature, Signer

from gateway.errors import InvalidKey, KeysUnavailable, MissingScope
from gateway.identity.addresses import Addresses
from gateway.identity.keys import ApiKey, KeyRing, hash_key, parse_api_keys
from gateway.identity.scopes import ANONYMOUS, ANONYMOUS_TENANT
from gateway.identity.settings import IdentitySettings

SESSION_COOKIE = "shopsight_session"
COOKIE_CACHE_SIZE = 4_096
# Our cookie has 76 characters: session, dot, signature. The signer ignores characters in a
# signature that are no base64. Without a limit, long variants of one cookie fill the cache.
MAX_COOKIE_CHARS = 80


@dataclass(frozen=True)
class Caller:
    """`tenant` separates caches. `user` is the tenant's own id of a person. `session` identifies an
    anonymous shopper's browser."""

    tenant: str
    user: str | None = None
    session: str | None = None
    is_new: bool = False
    """The session was made for this request: the response sets its cookie."""
    key: str | None = None
    """The id of the API key, for the audit."""
    scopes: frozenset[str] = frozenset()
    address: str = ""
    """Of an anonymous shopper: the name under which its address is counted, see `addresses`."""
    batch: bool = False
    """Asks by the batch lane: behind everybody else, with limits of its own."""

    def sticky_id(self, user: str | None = None) -> str:
        """The key that keeps a caller at one model revision during a canary. `user`: whom the
        request names."""
        return f"{self.tenant}:{self.user or user or self.session or ''}"

    def require(self, scope: str) -> None:
        """Raises MissingScope."""
        if scope not in self.scopes:
            raise MissingScope(scope)


class Callers:
    def __init__(self, settings: IdentitySettings, keys: KeyRing | None = None) -> None:
        """`keys`: those in force; those of the settings alone where none are given."""
        self._anonymous = settings.anonymous == "allow"
        self._addresses = Addresses(settings)
        self._keys = keys or KeyRing(parse_api_keys(settings.api_keys))
        # Derived once here: the signer would derive it again for every cookie.
        secret = settings.session_secret.get_secret_value().encode()
        key = hmac.new(secret, SESSION_COOKIE.encode(), hashlib.sha256).digest()
        self._signer = Signer(key, key_derivation="none", digest_method=hashlib.sha256)
        # A shopper asks more than once. A bad signature raises, and so is not cached.
        self._unsign = lru_cache(COOKIE_CACHE_SIZE)(self._signer.unsign)

    def identify(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], client: str = ""
    ) -> Caller:
        """Who sent the request; `client` is the address that it comes from. Raises
        InvalidKey for a key that is unknown, revoked or expired, or for none where anonymous
        shoppers are denied; KeysUnavailable while nobody can say. Where there never was any key, a
        sent one is ignored: OpenAI's clients always send one."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if key and (self._keys.configured or not self._keys.complete):
            return _caller_of(self._known(scheme, key))
        if not self._anonymous:
            raise InvalidKey
        address = self._addresses.name(client)
        session = self._session(cookies)
        if session is None:
            new = secrets.token_hex(16)
            return Caller(ANONYMOUS_TENANT, None, new, True, None, ANONYMOUS, address)
        return Caller(ANONYMOUS_TENANT, None, session, False, None, ANONYMOUS, address)

    def _known(self, scheme: str, key: str) -> ApiKey:
        found = self._keys.find(hash_key(key))
        if found is None and not self._keys.complete:
            raise KeysUnavailable
        if found is None or scheme.lower() != "bearer" or found.expires_at <= time.time():
            raise InvalidKey
        return found

    def cookie(self, caller: Caller) -> str | None:
        """The Set-Cookie value of a new session; None for an old one or an API key."""
        if caller.session is None or not caller.is_new:
            return None
        value = self._signer.sign(caller.session).decode()
        return f"{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"

    def _session(self, cookies: Mapping[str, str]) -> str | None:
        cookie = cookies.get(SESSION_COOKIE, "")
        if len(cookie) > MAX_COOKIE_CHARS:
            return None
        try:
            return self._unsign(cookie).decode()
        except BadSignature:
            return None


@lru_cache(maxsize=1_000)
def _caller_of(key: ApiKey) -> Caller:
    """The same object for each request of a key."""
    return Caller(key.tenant, key=key.id, scopes=key.scopes)
