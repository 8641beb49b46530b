"""Headers → Caller: an API key names a tenant, a signed session an anonymous shopper."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import InvalidKey, KeysUnavailable, MissingScope
from gateway.identity.addresses import Addresses
from gateway.identity.keys import ApiKey, KeyRing, hash_key, parse_api_keys
from gateway.identity.scopes import ANONYMOUS, ANONYMOUS_TENANT
from gateway.identity.sessions import Sessions, cookie, wants_token
from gateway.identity.settings import IdentitySettings


@dataclass(frozen=True)
class Caller:
    """`tenant` separates caches. `user` is the tenant's own id of a person. `session` identifies an
    anonymous shopper's browser or app."""

    tenant: str
    user: str | None = None
    session: str | None = None
    is_new: bool = False
    """The session was made for this request: the response carries it."""
    key: str | None = None
    """The id of the API key, for the audit."""
    scopes: frozenset[str] = frozenset()
    address: str = ""
    """Of an anonymous shopper: the name under which its address is counted, see `addresses`."""
    wants_token: bool = False
    """Its new session goes out as a token, too: it may keep no cookies."""
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
        self._sessions = Sessions(settings, self._addresses)

    def identify(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], client: str = ""
    ) -> Caller:
        """Who sent the request; `client` is the address that it comes from. Raises
        InvalidKey for a key that is unknown, revoked or expired, for one that is sent in another
        way, or for none where anonymous shoppers are denied; KeysUnavailable while nobody can say.
        Where there never was any key, a sent one is ignored: OpenAI's clients always send one."""
        sent = headers.get("authorization", "").strip()
        if sent and (self._keys.configured or not self._keys.complete):
            scheme, _, key = sent.partition(" ")
            return _caller_of(self._known(scheme, key.strip()))
        if not self._anonymous:
            raise InvalidKey
        address = self._addresses.name(client)
        session = self._sessions.read(headers, cookies)
        if session is not None:
            return Caller(ANONYMOUS_TENANT, None, session, False, None, ANONYMOUS, address)
        new, token = self._sessions.begin(headers, client), wants_token(headers)
        return Caller(ANONYMOUS_TENANT, None, new, True, None, ANONYMOUS, address, token)

    def _known(self, scheme: str, key: str) -> ApiKey:
        found = self._keys.find(hash_key(key))
        if found is None and not self._keys.complete:
            raise KeysUnavailable
        if found is None or scheme.lower() != "bearer" or found.expires_at <= time.time():
            raise InvalidKey
        return found

    def cookie(self, caller: Caller) -> str | None:
        """The Set-Cookie value of a new session; None for an old one or an API key."""
        signed = self._signed(caller)
        return cookie(signed) if signed is not None else None

    def token(self, caller: Caller) -> str | None:
        """The same session for a client without cookies, which sends it back in SESSION_HEADER."""
        return self._signed(caller) if caller.wants_token else None

    def _signed(self, caller: Caller) -> str | None:
        if caller.session is None or not caller.is_new:
            return None
        return self._sessions.sign(caller.session)


@lru_cache(maxsize=1_000)
def _caller_of(key: ApiKey) -> Caller:
    """The same object for each request of a key."""
    return Caller(key.tenant, key=key.id, scopes=key.scopes)
