"""A replica's URL → one URL for each address behind its name, so that scaling shows."""

import asyncio
import socket
from urllib.parse import urlsplit

# A name server that does not answer is asked again at the next round.
LOOKUP_S = 3.0


async def addresses(url: str) -> list[str]:
    """The URL once for each IPv4 address of its host; empty when the name is unknown now. A URL
    with TLS stays as it is, for its certificate is for the name; so does an IPv6 address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or ":" in host:
        return [url]
    port = parts.port or 80
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_S):
            found = await loop.getaddrinfo(host, port, family=socket.AF_INET)
    except (OSError, TimeoutError):
        return []
    hosts = {str(address[0]) for *_, address in found}
    return [parts._replace(netloc=f"{host}:{port}").geturl() for host in sorted(hosts)]
