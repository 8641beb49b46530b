"""The proxy of docker-compose.egress.yml: a real squid with its real configuration, on this
machine. Names are looked up in a file of hosts."""

import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.servers import program, running, wait_until

OVERLAY = ROOT / "docker-compose.egress.yml"


def configuration(hosts: str, ports: str = "443") -> str:
    """As compose fills it in."""
    text: str = yaml.safe_load(OVERLAY.read_text())["configs"]["squid"]["content"]
    text = re.sub(r"\$\{EGRESS_HOSTS:\?[^}]*\}", hosts, text)
    text = re.sub(r"\$\{EGRESS_PORTS:-443\}", ports, text)
    assert "$" not in text
    return text


@dataclass
class EgressProxy:
    url: str
    _log: Path

    @property
    def lines(self) -> list[str]:
        """What it has logged: how each tunnel ended, and where it led."""
        if not self._log.exists():
            return []
        words = [line.split() for line in self._log.read_text().splitlines()]
        return [f"{line[3]} {line[6]}" for line in words if line[5] == "CONNECT"]


@contextmanager
def egress_proxy(text: str, addresses: Mapping[str, str]) -> Iterator[EgressProxy]:
    """`text`: its configuration. `addresses`: of each name."""
    squid, port = program("squid"), free_port()
    # Started by root it works as another user, who reads no folder of a test.
    folder = Path(tempfile.mkdtemp(prefix="shopsight-squid-"))
    folder.chmod(0o777)
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in addresses.items()))
    log = folder / "access.log"
    changed = {
        "http_port 3128": f"http_port 127.0.0.1:{port}",
        "access_log stdio:/dev/stdout": f"access_log stdio:{log}",
        "cache_log /dev/stderr": f"cache_log {folder / 'cache.log'}",
        "coredump_dir /tmp": f"coredump_dir {folder}\nhosts_file {hosts}",
        "shutdown_lifetime 5 seconds": "shutdown_lifetime 0 seconds",
    }
    for line, instead in changed.items():
        assert line in text
        text = text.replace(line, instead)
    (folder / "squid.conf").write_text(text)
    command = [squid, "-N", "-f", str(folder / "squid.conf")]
    try:
        with running(command, folder / "squid.log") as process:

            def up() -> bool:
                assert process.poll() is None, (folder / "squid.log").read_text()
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            wait_until("squid", up)
            yield EgressProxy(f"http://127.0.0.1:{port}", log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
