"""Which servers REDIS_URL names: one, a master that Sentinels watch, or a cluster. The forms with
several addresses are those of the libraries `limits` and `redis-sentinel-url`."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, MovedError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.cache.link import RedisLink

FORMS = (
    "redis[s]://host:port/0, unix://path,"
    " redis[s]+sentinel://host:port,host:port/name-of-the-master/0"
    " or redis[s]+cluster://host:port,host:port"
)
PORTS = {"sentinel": 26379, "cluster": 6379}
SENTINEL_PASSWORD = "sentinel_password"  # noqa: S105 - the name of an option in the URL
# The next address is asked when one does not reply for so long.
NEXT_ADDRESS_S = 0.1
# A node of a cluster that says nothing is given up after so long, while nobody waits for it.
NODE_S = 0.5
# Who is master now may be asked for so long, and a connection may take so long to be made, while no
# request waits for it.
FIND_S = 1
# What a server says, or does not, that has left its place to another one.
LOST = (RedisConnectionError, RedisTimeoutError, ClusterDownError, MovedError, OSError)

Kind = Literal["one", "sentinel", "cluster"]
Target = dict[str, Any]


class RedisServers:
    """`client` sends commands to whoever is master now. With several addresses that has to be found
    out first, and `execute` needs a connection to a single server. Both take some round trips, and
    longer than a request may wait: `found` and `linked` do it apart."""

    def __init__(self, url: str, retries: int = 0) -> None:
        """Raises ValueError for a URL of none of FORMS."""
        kind, addresses, master, options = read_address(url)
        options |= {"retry": Retry(NoBackoff(), retries)}
        # With a single server nothing has to be found out.
        self._several = kind != "one"
        self._found = not self._several
        self._finding: asyncio.Task[None] | None = None
        self._cluster: RedisCluster | None = None
        self._sentinel: Sentinel | None = None
        self._single: Redis | None = None
        self._link: RedisLink | None = None
        if kind == "cluster":
            self._cluster = RedisCluster(
                # The names given stay the way in: addresses of containers change.
                startup_nodes=[ClusterNode(*address) for address in addresses],
                dynamic_startup_nodes=False,
                require_full_coverage=False,
                socket_timeout=NODE_S,
                socket_connect_timeout=NEXT_ADDRESS_S,
                **options,
            )
        elif kind == "sentinel":
            own = {name: value for name, value in options.items() if name.startswith("ssl")}
            own |= {"password": options.pop(SENTINEL_PASSWORD, None)}
            own |= {"socket_timeout": NEXT_ADDRESS_S, "socket_connect_timeout": NEXT_ADDRESS_S}
            own |= {"retry": Retry(NoBackoff(), 0)}
            self._sentinel = Sentinel(addresses, sentinel_kwargs=own)  # type: ignore[no-untyped-call]
            # One timer per round trip instead of one per read: socket_timeout stays unset.
            options |= {"socket_timeout": None, "socket_connect_timeout": NEXT_ADDRESS_S}
            self._single = self._sentinel.master_for(master, **options)
        else:
            self._single = Redis.from_url(
                url, socket_connect_timeout=FIND_S, retry=options["retry"]
            )

    @property
    def client(self) -> Any:
        """A Redis or a RedisCluster: what is used of them is the same. Their types are not."""
        return self._cluster or self._single

    async def execute(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Commands in one round trip, one at a time, once it is `linked`. Returns the replies, in
        order: what Redis refused is an exception among them. Raises what redis-py does, OSError."""
        if self._link is None:
            pipeline = self.client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies
        return await self._link.round_trip(commands)

    async def found(self, timeout_s: float) -> None:
        """Return at once, unless the master has to be found out. Raises what redis-py does, OSError
        or TimeoutError. Then the search goes on, and may be over when somebody asks later."""
        if not self._found:
            await self._wait_for_search(timeout_s)

    async def linked(self, timeout_s: float) -> None:
        """As `found`; with a single server once there is a connection to it."""
        linked = self._link is not None and not self._link.is_lost
        if not (self._found if self._several else linked):
            await self._wait_for_search(timeout_s)

    async def _wait_for_search(self, timeout_s: float) -> None:
        finding = self._find()
        await asyncio.wait({finding}, timeout=timeout_s)
        if not finding.done():
            raise TimeoutError
        finding.result()

    def lose(self) -> None:
        """A command has failed: somebody else may be master now."""
        if self._several:
            self._found = False
            self._find()

    def _find(self) -> asyncio.Task[None]:
        """One search at a time, whoever wants it. Nobody who gives up ends it."""
        if self._finding is None:
            self._finding = asyncio.create_task(self._search())
            self._finding.add_done_callback(_read_error)
        return self._finding

    async def _search(self) -> None:
        try:
            async with asyncio.timeout(FIND_S):
                if self._single is not None and not self._several:
                    self._link = await RedisLink.open(self._single.connection_pool)
                elif self._cluster is None:
                    await self.client.ping()
                elif self._cluster._initialize:
                    await self._cluster.initialize()
                else:
                    await self._cluster.nodes_manager.initialize()
            self._found = True
        finally:
            self._finding = None

    async def disconnect(self) -> None:
        """No reply that is still to come may be taken for that to a later command."""
        if self._link is not None:
            self._link.close()
        if self._cluster is not None:
            await asyncio.gather(*(node.disconnect() for node in self._cluster.get_nodes()))
        elif self._single is not None:
            await self._single.connection_pool.disconnect()

    def by_master(self, names: Sequence[str | bytes]) -> list[tuple[Target, list[str | bytes]]]:
        """Those names apart that lie at different masters, each with how a command is told which.
        Raises a RedisError: a cluster in which nobody has them."""
        if self._cluster is None:
            return [({}, list(names))] if names else []
        found: dict[str, tuple[Target, list[str | bytes]]] = {}
        for name in names:
            node = self._cluster.get_node_from_key(name if isinstance(name, str) else name.decode())
            if node is None:
                raise ClusterDownError("no node has this slot")
            found.setdefault(node.name, ({"target_nodes": node}, []))[1].append(name)
        return list(found.values())

    async def close(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.wait({self._finding})
        if self._link is not None:
            self._link.close()
        await self.client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def read_address(url: str) -> tuple[Kind, list[tuple[str, int]], str, dict[str, Any]]:
    """Kind, addresses, name of the master, and options for each server. One server alone is left to
    redis-py. Raises ValueError for a URL of none of FORMS."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if not kind and scheme in ("redis", "rediss", "unix"):
        parse_url(url)
        return "one", [], "", {}
    if kind not in PORTS or scheme not in ("redis", "rediss"):
        raise ValueError(f"REDIS_URL is none of {FORMS}")
    user, _, hosts = parts.netloc.rpartition("@")
    addresses = [_address(host, PORTS[kind]) for host in hosts.split(",")]
    path = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    if len(path) > (2 if kind == "sentinel" else 0) or (kind == "sentinel" and not path):
        raise ValueError(f"REDIS_URL names the wrong path: it is none of {FORMS}")
    master, *database = path or [""]
    credentials = f"{user}@" if user else ""
    # As redis-py reads it of a single server, but for the addresses.
    single = f"{scheme}://{credentials}host/{''.join(database)}?{parts.query}"
    options: dict[str, Any] = {**parse_url(single)}
    options.pop("host")
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return "sentinel" if kind == "sentinel" else "cluster", addresses, master, options


def with_option(url: str, name: str, value: str) -> str:
    """The URL with one more option for the servers."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query), (name, value)])).geturl()


def _read_error(finding: asyncio.Task[None]) -> None:
    """Else asyncio warns of it where nobody has waited for it."""
    if not finding.cancelled():
        finding.exception()


def _address(text: str, port: int) -> tuple[str, int]:
    found = urlsplit(f"//{text}")  # knows [::1]:6379
    if not found.hostname or found.username:
        raise ValueError(f"REDIS_URL lacks an address: it is none of {FORMS}")
    return found.hostname, found.port or port
