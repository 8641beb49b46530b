"""Who comes next on nginx's connection to a gateway does not pay for an upload that was refused."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.support.nginx_server import NameServer, nginx_server
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica


def test_a_refused_photo_leaves_a_connection_for_the_next_shopper(
    stack: ExitStack,
    tmp_path: Path,
    names: NameServer,
    start_gateway: Callable[..., str],
    stub: StubReplica,
) -> None:
    """150 KB fit into the buffers between the two: nginx has sent all of it, and keeps the
    connection, before the gateway has read it."""
    gateway = start_gateway(replicas=stub.url, trusted_proxies="127.0.0.0/8")
    port = int(gateway.rpartition(":")[2])
    nginx = stack.enter_context(nginx_server(tmp_path / "nginx", names, port, workers=1))
    wait_until("gateway", lambda: httpx.get(f"{nginx.url}/readyz").status_code == 200)
    url = f"{nginx.url}/v1/chat/completions"
    for size in range(100_000, 1_100_000, 25_000):
        refused = httpx.post(url, content=bytes(size), headers={"content-type": "text/plain"})
        assert refused.status_code == 415
        assert httpx.post(url, json={}).status_code == 400
