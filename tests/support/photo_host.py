"""A shop's server of photos: real TLS on this machine, under names that a test's look-up knows,
with certificates of an authority of its own. What it answers is up to the test."""

import datetime
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.images.remote.public import is_public

NAME = "cdn.shop.example"
Answer = Callable[["Handler"], None]


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def trusted(self) -> ssl.SSLContext:
        """Trusts it, and nobody else."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving(self, *names: str) -> ssl.SSLContext:
        """Of a server with these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(names, key, self.certificate.subject, self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
            file.flush()
            context.load_cert_chain(file.name)
        return context


@cache
def authority(name: str = "Photos") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return Authority(_certificate((), key, subject, key), key)


def _certificate(
    names: tuple[str, ...],
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signs: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    subject = issuer if not names else x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key()), critical=False
        )
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=True)
    else:
        usage = dict.fromkeys(
            (
                *("digital_signature", "content_commitment", "key_encipherment"),
                *("data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            ),
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True
        )
    return builder.sign(signs, hashes.SHA256())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def setup(self) -> None:
        self.request.settimeout(20)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 40 ms each
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.seen.append(Seen(self.path, dict(self.headers.items())))
        answer = self.server.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.reply(404, b"")
        else:
            answer(self)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """`headers`: with an underscore for each hyphen."""
        self.head(status, content_length=str(len(body)), **headers)
        self.wfile.write(body)

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@dataclass(frozen=True)
class Seen:
    target: str
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    answers: dict[str, Answer]
    seen: list[Seen]
    lock: threading.Lock
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that break off are what many of these tests are about."""


@dataclass
class PhotoHost:
    port: int
    answers: dict[str, Answer]
    seen: list[Seen]
    name: str = NAME
    connections: list[Any] = field(default_factory=list)

    def url(self, path: str = "/bag.jpg", name: str | None = None) -> str:
        return f"https://{name or self.name}:{self.port}{path}"

    @property
    def listed(self) -> str:
        return f"{self.name}:{self.port}"

    def serve(self, path: str, body: bytes, **headers: str) -> None:
        """A photo at this path; 304 where the request has its ETag."""

        def answer(handler: Handler) -> None:
            etag = headers.get("etag")
            if etag is not None and handler.headers["if-none-match"] == etag:
                handler.head(304, **headers)
            else:
                handler.reply(200, body, **headers)

        self.answers[path] = answer


@contextmanager
def photo_host(
    *names: str, address: str = "127.0.0.1", port: int = 0, signed_by: Authority | None = None
) -> Iterator[PhotoHost]:
    names = names or (NAME,)
    server = _Server((address, port), Handler)
    server.answers, server.seen, server.lock = {}, [], threading.Lock()
    context = (signed_by or authority()).serving(*names)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    host = PhotoHost(server.server_address[1], server.answers, server.seen, names[0])
    accept = server.get_request

    def get_request() -> Any:
        found = accept()
        host.connections.append(found[1])
        return found

    server.get_request = get_request  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Names:
    """What a look-up answers: for each name a list of answers, one a look-up; the last repeats."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def here(*names: str) -> dict[str, Any]:
    """The network of a fetcher whose names are all on this machine."""
    return {
        "look_up": Names({name: [["127.0.0.1"]] for name in names or (NAME,)}),
        "may_connect": lambda address: address == "127.0.0.1" or is_public(address),
        "context": authority().trusted(),
    }


def certificate_file(folder: Path) -> Path:
    path = folder / "authority.pem"
    path.write_bytes(authority().certificate.public_bytes(serialization.Encoding.PEM))
    return path
