"""OpenStack Swift with its S3 interface, on one node: Debian's swift-proxy and what it needs."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store

from gateway.cli.embedded import free_port
from tests.support.servers import Process, program, running, wait_until

BUCKET = "photos"
KEY_ID, SECRET = "shop:gateway", "drill"
REGION = "us-east-1"
# The node behind the proxy: what keeps accounts, containers (buckets) and objects.
KINDS = ("account", "container", "object")

PROXY = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth copy slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
# tempauth asks for one; nobody listens there, and a token is looked up anew.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_shop_gateway = {SECRET} .admin
[filter:copy]
use = egg:swift#copy
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""
NODE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
# What swift-ring-builder does, for three rings in one process rather than in nine.
DEBIANS_PYTHON = "/usr/bin/python3"
RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, *places = sys.argv[1:]
for kind, port in (place.split("=") for place in places):
    ring = RingBuilder(4, 1, 0)
    node = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port)}
    ring.add_dev({**node, "device": "d1", "weight": 1})
    ring.rebalance()
    ring.get_ring().save(f"{folder}/{kind}.ring.gz")
"""


class ObjectStore:
    def __init__(self, folder: Path, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._command = [program("swift-proxy-server"), str(folder / "proxy.conf"), "--verbose"]
        self._log = folder / "proxy.log"
        self._stack = ExitStack()
        self.proxy: Process

    def start(self) -> None:
        """Once it answers; what was kept before is there again."""
        self.proxy = self._stack.enter_context(running(self._command, self._log))
        wait_until("object store", self._has_bucket, 60)

    def stop(self) -> None:
        self._stack.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and says nothing."""
        self.proxy.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.proxy.send_signal(signal.SIGCONT)

    def settings(self, prefix: str) -> dict[str, str]:
        """A gateway's."""
        return {
            "image_store": f"s3://{BUCKET}/{prefix}",
            "image_store_endpoint": self.endpoint,
            "image_store_region": REGION,
            "image_store_key_id": KEY_ID,
            "image_store_secret": SECRET,
        }

    @property
    def client(self) -> S3Store:
        """Of the whole bucket."""
        return S3Store(
            BUCKET,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )

    def files(self, prefix: str) -> dict[str, int]:
        """Names and bytes."""
        pages = obstore.list(self.client, prefix)
        return {found["path"]: found["size"] for page in pages for found in page}

    def _has_bucket(self) -> bool:
        """Made, unless it is there. obstore has no call for that, but signs any."""
        address = obstore.sign(self.client, "PUT", "", timedelta(minutes=1))
        try:
            return httpx.put(address, trust_env=False).status_code in (200, 409)
        except httpx.TransportError:
            return False


@contextmanager
def swift_server(folder: Path) -> Iterator[ObjectStore]:
    """With an empty bucket. The folder must be on a disk with extended attributes."""
    (folder / "disks" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = drill\n")
    user = pwd.getpwuid(os.geteuid()).pw_name

    def configure(kind: str, parts: str, port: int) -> Path:
        file = folder / f"{kind}.conf"
        file.write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = {user}\n"
            f"swift_dir = {folder}\ndevices = {folder / 'disks'}\nmount_check = false\n{parts}"
        )
        return file

    ports = {kind: free_port() for kind in KINDS}
    places = [f"{kind}={port}" for kind, port in ports.items()]
    command = [DEBIANS_PYTHON, "-c", RINGS, str(folder), *places]
    subprocess.run(command, check=True, capture_output=True)
    with ExitStack() as stack:
        for kind, port in ports.items():
            file = configure(kind, NODE.format(kind=kind), port)
            command = [program(f"swift-{kind}-server"), str(file), "--verbose"]
            stack.enter_context(running(command, folder / f"{kind}.log"))
        port = free_port()
        configure("proxy", PROXY, port)
        store = ObjectStore(folder, port)
        stack.callback(store.stop)
        store.start()
        yield store
