"""What a replica's URL stands for: one URL for each address behind its host name, and its name in
the log."""

import asyncio
import socket
from urllib.parse import urlsplit

# When a name server takes longer, the next round asks it again.
LOOKUP_TIMEOUT_S = 3.0
# The length of the log's column `replica`.
MAX_NAME_CHARS = 64


async def resolve(url: str) -> list[str]:
    """The URL once for each IPv4 address of its host; empty when the name cannot be resolved now.

    An https URL stays as it is, because its certificate is for the name. So does an IPv6
    address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or ":" in host:
        return [url]
    port = parts.port or 80
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_S):
            entries = await loop.getaddrinfo(host, port, family=socket.AF_INET)
    except (OSError, TimeoutError):
        return []
    addresses = {str(address[0]) for *_, address in entries}
    return [parts._replace(netloc=f"{each}:{port}").geturl() for each in sorted(addresses)]


def replica_name(url: str) -> str:
    """The replica's name in the log: the URL without scheme and password, in ASCII and no longer
    than the log's column. The database would refuse the whole row otherwise."""
    parts = urlsplit(url)
    name = parts.netloc.rpartition("@")[2] + parts.path
    return name.encode("ascii", "replace").decode()[:MAX_NAME_CHARS]
