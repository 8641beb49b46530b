"""Sessions of anonymous shoppers: how one is named, signed and read back. A browser keeps it as a
cookie. A client without cookies gets the same signed text as a token in SESSION_HEADER."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache

from itsdangerous import BadSignature, Signer

from gateway.identity.addresses import Addresses
from gateway.identity.settings import IdentitySettings

SESSION_COOKIE = "shopsight_session"
SESSION_HEADER = "x-shopsight-session"
REMEMBERED = 4_096
# Ours has 76 characters: session, dot, signature. The signer ignores characters in a signature that
# are no base64. Without a limit, long variants of one session fill the memory.
MAX_CHARS = 80
# A session's first digits say where it began: roll-ups count sessions of one request by them.
ORIGIN_DIGITS = 16
# A browser says so on our own page, or where somebody has typed the address. It keeps cookies,
# unless the page says by the header that ours did not come back.
_OWN_PAGE = ("same-origin", "none")


class Sessions:
    def __init__(self, settings: IdentitySettings, addresses: Addresses) -> None:
        self._addresses = addresses
        # Derived once here: the signer would derive it again for every session.
        secret = settings.session_secret.get_secret_value().encode()
        key = hmac.new(secret, SESSION_COOKIE.encode(), hashlib.sha256).digest()
        self._signer = Signer(key, key_derivation="none", digest_method=hashlib.sha256)
        # A shopper asks more than once. A bad signature raises, and so is not kept.
        self._unsign = lru_cache(REMEMBERED)(self._signer.unsign)

    def read(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> str | None:
        """The session that a request gives back. The header goes before the cookie: it was set on
        purpose. None for what we have not signed."""
        for signed in (headers.get(SESSION_HEADER, ""), cookies.get(SESSION_COOKIE, "")):
            if not signed or len(signed) > MAX_CHARS:
                continue
            try:
                return self._unsign(signed).decode()
            except BadSignature:
                continue
        return None

    def begin(self, headers: Mapping[str, str], client: str) -> str:
        """A new session, 32 hexadecimal digits. Its first half is random for a browser, which will
        come back with its cookie. Of any other client it is the same for a day, a network and a
        user agent: one that never gives its token back is one visitor to analysts, not as many as
        its requests. The other half is random: the whole is nobody else's."""
        if "sec-fetch-site" in headers:
            return secrets.token_hex(16)
        origin = self._addresses.origin(client, headers.get("user-agent", ""))
        return origin[:ORIGIN_DIGITS] + secrets.token_hex(16 - ORIGIN_DIGITS // 2)

    def sign(self, session: str) -> str:
        return self._signer.sign(session).decode()


def cookie(signed: str) -> str:
    """The Set-Cookie value."""
    return f"{SESSION_COOKIE}={signed}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"


def wants_token(headers: Mapping[str, str]) -> bool:
    """Of a new session. Not our own page: it has the cookie, and no script may read that. Where the
    cookie does not come back it sends the header, whatever stands in it."""
    return SESSION_HEADER in headers or headers.get("sec-fetch-site") not in _OWN_PAGE
