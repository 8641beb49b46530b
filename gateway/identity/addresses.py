"""A client's address → the name under which its requests are counted: a keyed hash, so that no
address is stored anywhere, and another one each day, so that nobody is followed over days."""

import hmac
import ipaddress
import time
from functools import lru_cache
from typing import Any

from gateway.identity.settings import IdentitySettings

REMEMBERED = 8_192
# What one customer of a provider gets: below it anybody has any number of addresses.
IPV6_PREFIX = 64
DAY_S = 86_400
HASH_DIGITS = 32


class Addresses:
    def __init__(self, settings: IdentitySettings) -> None:
        self._key = settings.session_secret.get_secret_value().encode()
        self._hashed = lru_cache(REMEMBERED)(self._hash)

    def name(self, client: str) -> str:
        """`client`: whose request it is. The server has taken it from `x-forwarded-for` where the
        connection is that of a trusted proxy."""
        return self._hashed("address", client, int(time.time() / DAY_S))

    def session_name(self, session: str) -> str:
        return self._hashed("session", session, int(time.time() / DAY_S))

    def origin(self, client: str, user_agent: str) -> str:
        """Of the two together, in hexadecimal digits. Not remembered: an agent may be long."""
        day = int(time.time() / DAY_S)
        return self._hash("origin", f"{network_of(client)} {user_agent}", day).partition(":")[2]

    def _hash(self, kind: str, value: str, day: int) -> str:
        message = f"{kind} {day} {network_of(value) if kind == 'address' else value}".encode()
        return f"{kind}:{hmac.digest(self._key, message, 'sha256').hex()[:HASH_DIGITS]}"


@lru_cache(REMEMBERED)
def network_of(host: str) -> str:
    """Whom limits take for one client: an address, of IPv6 the network that a customer has."""
    address = _parsed(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)  # what is no address counts as one


def _parsed(host: str) -> Any:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
