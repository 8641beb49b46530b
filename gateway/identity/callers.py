"""Headers → Caller: an API key names a tenant, a signed session cookie an anonymous shopper."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from itsdangerous import BadSignature, Signer

from contract.errors import InvalidKey
from gateway.identity.settings import IdentitySettings

ANONYMOUS_TENANT = "public"
SESSION_COOKIE = "shopsight_session"
KEY_PREFIX = "sk-shopsight-"
# Digits of a key's hash in the audit: enough to tell a tenant's keys apart.
AUDIT_DIGITS = 12
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
    """The first AUDIT_DIGITS of the API key's hash, for the audit."""

    @property
    def sticky_id(self) -> str:
        """The key that keeps a caller at one model revision during a canary."""
        return f"{self.tenant}:{self.user or self.session or ''}"


class Callers:
    def __init__(self, settings: IdentitySettings) -> None:
        self._anonymous = settings.anonymous == "allow"
        self._tenant_of_key = parse_api_keys(settings.api_keys)
        # Derived once here: the signer would derive it again for every cookie.
        secret = settings.session_secret.get_secret_value().encode()
        key = hmac.new(secret, SESSION_COOKIE.encode(), hashlib.sha256).digest()
        self._signer = Signer(key, key_derivation="none", digest_method=hashlib.sha256)
        # A shopper asks more than once. A bad signature raises, and so is not cached.
        self._unsign = lru_cache(COOKIE_CACHE_SIZE)(self._signer.unsign)

    def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        """Who sent the request. Raises InvalidKey for an unknown key, or for none where anonymous
        shoppers are denied. When no keys are configured, a sent key is ignored: OpenAI's clients
        always send one."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if key and self._tenant_of_key:
            hashed = hash_key(key)
            tenant = self._tenant_of_key.get(hashed)
            if scheme.lower() != "bearer" or tenant is None:
                raise InvalidKey
            return Caller(tenant, key=hashed[:AUDIT_DIGITS])
        if not self._anonymous:
            raise InvalidKey
        session = self._session(cookies)
        if session is None:
            return Caller(ANONYMOUS_TENANT, session=secrets.token_hex(16), is_new=True)
        return Caller(ANONYMOUS_TENANT, session=session)

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


def hash_key(key: str) -> str:
    # Keys are 256 random bits and cannot be guessed, so a fast hash is enough.
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def parse_api_keys(text: str) -> dict[str, str]:
    """Lines `tenant sha256` → tenant by hash; `#` starts a comment."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return {fields[1]: fields[0] for fields in lines if len(fields) == 2}
