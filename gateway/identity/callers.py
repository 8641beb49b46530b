"""Headers → Caller: a tenant by its API key, or an anonymous shopper by a signed session cookie."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from itsdangerous import BadSignature, Signer

from gateway.errors import InvalidKey
from gateway.identity.settings import IdentitySettings

ANONYMOUS_TENANT = "public"
SESSION_COOKIE = "shopsight_session"
KEY_PREFIX = "sk-shopsight-"
# Of a key's hash: enough to tell a tenant's keys apart.
SHOWN_DIGITS = 12
REMEMBERED_COOKIES = 4_096
# Ours has 76: a session, a dot and its signature. The signer also takes a signature with characters
# strewn in that are no base64, which would fill what is remembered.
MAX_COOKIE_CHARS = 80


@dataclass(frozen=True)
class Caller:
    """`tenant` separates caches, `user` is the tenant's own id of a person, `session` ties the
    questions of one visit together."""

    tenant: str
    user: str | None = None
    session: str | None = None
    is_new: bool = False
    """A session that its shopper does not know of yet: the answer brings the cookie."""
    key: str | None = None
    """Which API key it was, for the audit: the first digits of its hash."""

    @property
    def sticky_id(self) -> str:
        """What keeps a caller at one model revision during a canary."""
        return f"{self.tenant}:{self.user or self.session or ''}"


class Callers:
    def __init__(self, settings: IdentitySettings) -> None:
        self._anonymous = settings.anonymous == "allow"
        self._tenant_of = parse_api_keys(settings.api_keys)
        # Derived here once, where the signer would derive it anew for every cookie.
        secret = settings.session_secret.get_secret_value().encode()
        key = hmac.new(secret, SESSION_COOKIE.encode(), hashlib.sha256).digest()
        self._signer = Signer(key, key_derivation="none", digest_method=hashlib.sha256)
        # A shopper asks more than once. Only what was signed here is kept.
        self._signed = lru_cache(REMEMBERED_COOKIES)(self._signer.unsign)

    def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        """Raise InvalidKey for an unknown key, or for none where anonymous shoppers are denied.
        With no keys configured a key is not looked at: OpenAI's clients always send one."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if key and self._tenant_of:
            hashed = hash_key(key)
            tenant = self._tenant_of.get(hashed)
            if scheme.lower() != "bearer" or tenant is None:
                raise InvalidKey
            return Caller(tenant, key=hashed[:SHOWN_DIGITS])
        if not self._anonymous:
            raise InvalidKey
        session = self._session(cookies)
        if session is None:
            return Caller(ANONYMOUS_TENANT, session=secrets.token_hex(16), is_new=True)
        return Caller(ANONYMOUS_TENANT, session=session)

    def cookie(self, caller: Caller) -> str | None:
        """The Set-Cookie value that a new session needs; none for a known one or an API key."""
        if caller.session is None or not caller.is_new:
            return None
        value = self._signer.sign(caller.session).decode()
        return f"{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"

    def _session(self, cookies: Mapping[str, str]) -> str | None:
        cookie = cookies.get(SESSION_COOKIE, "")
        if len(cookie) > MAX_COOKIE_CHARS:
            return None
        try:
            return self._signed(cookie).decode()
        except BadSignature:
            return None


def hash_key(key: str) -> str:
    # Keys are 256 random bits: a fast hash is enough, nothing can be guessed.
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def parse_api_keys(text: str) -> dict[str, str]:
    """Lines `tenant sha256` → tenant by hash; `#` starts a comment."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return {fields[1]: fields[0] for fields in lines if len(fields) == 2}
