"""nginx as far as monitoring sees it: its status page, a page that is ready, a certificate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.nginx_server import write_certificate
from tests.support.servers import program, running, wait_until

MAIN = """daemon off; pid {folder}/edge.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    {status}
    server {{ listen 127.0.0.1:{page}; location = /readyz {{ return 200; }} }}
    server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {folder}/tls_certificate;
        ssl_certificate_key {folder}/tls_key; }}
}}
"""


@dataclass
class Edge:
    status: str
    page: str
    tls: str


@contextmanager
def edge(folder: Path) -> Iterator[Edge]:
    """With nginx/status.conf, and the port of docker-compose.tls.yml. Not the nginx of the wheel,
    which has no stub_status."""
    status, page, tls = free_port(), free_port(), free_port()
    write_certificate(folder)
    ours = (ROOT / "nginx" / "status.conf").read_text()
    assert "listen 8081;" in ours
    ours = ours.replace("listen 8081;", f"listen 127.0.0.1:{status};")
    (folder / "edge.conf").write_text(MAIN.format(folder=folder, status=ours, page=page, tls=tls))
    command = [program("nginx"), "-c", str(folder / "edge.conf"), "-p", str(folder)]
    with running(command, folder / "edge.log"):
        here = Edge(f"127.0.0.1:{status}", f"127.0.0.1:{page}", f"127.0.0.1:{tls}")

        def up() -> bool:
            try:
                return httpx.get(f"http://{here.page}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("nginx", up)
        yield here
