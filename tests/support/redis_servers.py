"""Several Redis servers that belong together: a cluster, and a master that Sentinels watch."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from gateway.cli.embedded import free_port
from tests.support.servers import Process, Server, program, redis_server, running, wait_until

SLOTS = 16_384
MASTER = "mymaster"
# Of a master that says nothing. Real Sentinels wait for 30 s; a drill does not.
DOWN_AFTER_MS = 500


@dataclass
class Cluster:
    url: str
    nodes: list[Server]

    def names(self, pattern: str = "*") -> list[bytes]:
        """Of all nodes."""
        found: list[bytes] = []
        for node in self.nodes:
            with redis.Redis.from_url(node.url) as client:
                found += client.scan_iter(pattern)
        return found

    def move(self, slot: int, source: int, target: int) -> None:
        """As `redis-cli --cluster reshard` does it; `source` and `target` number the nodes."""
        clients = [redis.Redis.from_url(node.url) for node in self.nodes]
        ids = [client.cluster("myid").decode() for client in clients]
        clients[target].execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
        clients[source].execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
        for name in clients[source].execute_command("CLUSTER GETKEYSINSLOT", slot, 1000):
            clients[source].migrate("127.0.0.1", self.nodes[target].port, name, 0, 1000)
        first, second = clients[target], clients[source]
        for client in (first, second, *clients):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])
            client.close()

    def lose(self, dead: int, taking: int) -> None:
        """A node is killed, and another gets its slots, empty, as ops would give them."""
        self.nodes[dead].process.kill()
        ends = [SLOTS * number // len(self.nodes) for number in (dead, dead + 1)]
        slots = ends[0], ends[1] - 1
        for number, node in enumerate(self.nodes):
            if number != dead:
                with redis.Redis.from_url(node.url) as client:
                    client.execute_command("CLUSTER DELSLOTSRANGE", *slots)
        with redis.Redis.from_url(self.nodes[taking].url) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", *slots)


@contextmanager
def redis_cluster(folder: Path, masters: int = 3) -> Iterator[Cluster]:
    """Masters without replicas, each with its part of the slots."""
    with ExitStack() as stack:
        nodes, buses = [], []
        for number in range(masters):
            own, bus = folder / f"node-{number}", free_port()
            own.mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
            nodes.append(stack.enter_context(redis_server(own, options=options)))
            buses.append(bus)
        clients = [stack.enter_context(redis.Redis.from_url(node.url)) for node in nodes]
        ends = [SLOTS * number // masters for number in range(masters + 1)]
        for client, begin, end in zip(clients, ends, ends[1:], strict=False):
            client.execute_command("CLUSTER ADDSLOTSRANGE", begin, end - 1)
        for node, bus in zip(nodes, buses, strict=True):
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)

        def whole() -> bool:
            """Every node knows who has which slots."""
            return all(client.cluster("info")["cluster_state"] == "ok" for client in clients)

        wait_until("cluster", whole)
        places = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        yield Cluster(f"redis+cluster://{places}", nodes)


@dataclass
class Watched:
    url: str
    servers: list[Server]
    sentinels: list[Process]
    ports: list[int]
    """Of the Sentinels."""

    def master(self) -> Server:
        """As the last Sentinel sees it."""
        with redis.Redis(port=self.ports[-1]) as client:
            _, port = client.sentinel_get_master_addr_by_name(MASTER)  # type: ignore[misc]
        return next(server for server in self.servers if server.port == int(port))


@contextmanager
def redis_behind_sentinels(folder: Path, sentinels: int = 3) -> Iterator[Watched]:
    """A master, a replica, and Sentinels that make the replica master when the master is away."""
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            own = folder / f"server-{number}"
            own.mkdir()
            options = ("--repl-diskless-sync-delay", "0")
            if servers:
                options += ("--replicaof", "127.0.0.1", str(servers[0].port))
            servers.append(stack.enter_context(redis_server(own, options=options)))
        ports = [free_port() for _ in range(sentinels)]
        processes = []
        for port in ports:
            file = folder / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\ndir {folder}\n"
                f"sentinel monitor {MASTER} 127.0.0.1 {servers[0].port} {sentinels // 2 + 1}\n"
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {MASTER} 5000\n"
            )
            command = [program("redis-server"), str(file), "--sentinel"]
            log = folder / f"sentinel-{port}.log"
            processes.append(stack.enter_context(running(command, log)))

        def agreed() -> bool:
            """Each Sentinel knows the replica and the others."""
            try:
                return all(
                    state["num-slaves"] == 1 and state["num-other-sentinels"] == sentinels - 1
                    for state in map(_state, ports)
                )
            except redis.RedisError:
                return False

        wait_until("sentinels", agreed)
        places = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Watched(f"redis+sentinel://{places}/{MASTER}/0", servers, processes, ports)


def _state(port: int) -> dict[str, int]:
    with redis.Redis(port=port) as client:
        state: dict[str, int] = client.sentinel_master(MASTER)  # type: ignore[assignment]
        return state
