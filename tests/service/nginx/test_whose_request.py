"""nginx and the gateway see the same address, the same host and the same way in; what nginx logs of
a client names no single person."""

import os
import socket
import subprocess
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from gateway.api.guard import is_plain
from gateway.api.hosts import Hosts
from tests.support import ROOT
from tests.support.nginx_server import (
    Nginx,
    StandInGateway,
)
from tests.support.servers import wait_until
from tests.unit.api.test_guard import ODD, PLAIN
from tests.unit.api.test_hosts import OURS, STRANGERS

PATH = "/v1/chat/completions"
Start = Callable[..., Nginx]


@pytest.fixture
def start(start: Start, gateway: StandInGateway) -> Start:
    def start_before_gateway(**settings: str) -> Nginx:
        nginx = start(**settings)
        gateway.seen.clear()
        gateway.paths.clear()
        return nginx

    return start_before_gateway


def asked(nginx: Nginx, method: str, path: str, host: str = "x", more: str = "") -> HTTPResponse:
    """The address and the host as they are, which a client's library would tidy up."""
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"
        client.sendall(head.encode())
        answer = HTTPResponse(client, method=method)
        answer.begin()
        answer.read()
        return answer


def test_an_odd_address_comes_to_no_gateway_and_into_no_log(
    start: Start, gateway: StandInGateway
) -> None:
    nginx = start()
    for path in ODD:
        assert asked(nginx, "DELETE", path.replace("u1", "u-17")).status == 400, path
    assert gateway.paths == []
    wait_until("log lines", lambda: len(nginx.access_log()) == len(ODD))
    assert "u-17" not in nginx.log.read_text()


def test_a_plain_address_passes_as_it_was_sent(start: Start, gateway: StandInGateway) -> None:
    nginx = start(RATE_LIMIT="1000r/s")
    for path in PLAIN:
        if path.startswith("/v1"):
            assert asked(nginx, "PUT", path).status == 200, path
    assert [path.decode() for path in gateway.paths] == [p for p in PLAIN if p.startswith("/v1")]
    assert all(is_plain(path) for path in gateway.paths)


SPELLINGS = [
    "/v1/users/u{}/data", "//v1//users/u{}/data", "/v1/%75sers/u{}/data", "/%76%31/users/u{}/data",
    "http://x/v1/users/u{}/data", "/v1/users/u{}/data?x=/v1/files/a", "/v1/users/u{}/data/",
    "/v1/users/u{}%2Fx/data", "/V1/users/u{}/data", "/v1/users/u{}",
]  # fmt: skip


def test_no_spelling_of_an_erasure_passes_its_limit(start: Start, gateway: StandInGateway) -> None:
    nginx = start()
    told = [
        asked(nginx, "DELETE", spelling.format(number)).status
        for number in range(3)
        for spelling in SPELLINGS
    ]
    assert told.count(429) >= len(told) - 12, "six at once, then one in five seconds"
    assert len(gateway.paths) <= 12
    for number in range(20):
        assert asked(nginx, "DELETE", f"/v1/files/file-{number}").status == 200, "no person's data"


@pytest.mark.parametrize(
    "allowed", ["", "shop.example,*.cdn.example", "*", " shop.example , b.example "]
)
def test_nginx_serves_the_hosts_that_the_gateway_serves(
    start: Start, gateway: StandInGateway, allowed: str
) -> None:
    nginx = start(ALLOWED_HOSTS=allowed)
    hosts = Hosts(name.strip() for name in allowed.split(","))
    others = ["shop.example", "a.cdn.example", "a.b.cdn.example", "cdn.example", "b.example:8080"]
    for host in [*OURS, *STRANGERS, *others, "ashop.example", "hop.example"]:
        if not host.isascii() or " " in host or "\t" in host or not host:
            continue  # nginx refuses these by itself
        for path in ("/", "/v1/models"):
            served = asked(nginx, "GET", path, host).status
            assert served == (200 if hosts.serve(host) else 400), (host, path)
    answer = asked(nginx, "GET", "/", "evil.example")
    assert answer.status == (200 if allowed == "*" else 400)
    if allowed != "*":
        assert answer.getheader("x-content-type-options") == "nosniff"


def test_the_gateway_is_told_the_port_to_which_a_browser_s_page_belongs(
    start: Start, gateway: StandInGateway
) -> None:
    nginx = start()
    seen = httpx.post(f"{nginx.url}{PATH}", content=b"{}").json()["headers"]
    assert seen["host"] == f"127.0.0.1:{nginx.port}"


OVER_TLS = {"x-forwarded-proto": "https", "x-forwarded-for": "8.8.8.8"}


@pytest.mark.parametrize(
    ("trusted", "headers", "scheme"),
    [
        ("unix:", {"x-forwarded-proto": "https"}, "http"),
        ("unix:", OVER_TLS, "http"),
        ("127.0.0.0/8", OVER_TLS, "https"),
        ("127.0.0.0/8", {"x-forwarded-proto": "http", "x-forwarded-for": "8.8.8.8"}, "http"),
        ("127.0.0.0/8", {"x-forwarded-for": "8.8.8.8"}, "http"),
        ("10.0.0.0/8", OVER_TLS, "http"),
        # Several, as operations.md and TRUSTED_PROXIES have them.
        ("10.0.0.1 127.0.0.0/8", OVER_TLS, "https"),
        ("127.0.0.1,10.0.0.0/8", OVER_TLS, "https"),
        ("fd00::/8, 127.0.0.1,", OVER_TLS, "https"),
        ("fd00::/8, 192.0.2.1", OVER_TLS, "http"),
        ("", OVER_TLS, "http"),
    ],
)
def test_only_a_trusted_proxy_says_that_the_client_came_over_tls(
    start: Start, gateway: StandInGateway, trusted: str, headers: dict[str, str], scheme: str
) -> None:
    nginx = start(TRUSTED_PROXY=trusted)
    seen = httpx.post(f"{nginx.url}{PATH}", content=b"{}", headers=headers).json()["headers"]
    assert seen["x-forwarded-proto"] == scheme


def test_a_proxy_behind_another_one_is_none_of_the_clients(
    start: Start, gateway: StandInGateway
) -> None:
    nginx = start(TRUSTED_PROXY="127.0.0.0/8, 10.0.0.0/8")
    headers = {"x-forwarded-for": "8.8.8.8, 203.0.113.7, 10.0.0.3"}
    seen = httpx.post(f"{nginx.url}{PATH}", content=b"{}", headers=headers).json()["headers"]
    assert seen["x-forwarded-for"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("deadline_ms", "waited"), [("", "35s"), ("30000", "35s"), ("60001", "66s"), ("soon", None)]
)
def test_an_answer_is_waited_for_longer_than_the_gateways_take(
    deadline_ms: str, waited: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "settings"
    env = {**os.environ, "DEADLINE_MS": deadline_ms, "NGINX_SETTINGS": str(file)}
    script = ROOT / "nginx" / "settings.sh"
    done = subprocess.run([script], env=env, capture_output=True, text=True, check=False)
    if waited is None:
        assert (done.returncode, "DEADLINE_MS" in done.stderr) == (1, True)
    else:
        assert f"proxy_read_timeout {waited};\n" in file.read_text()


@pytest.mark.parametrize("wrong", ["10.0.0.1; include /etc/passwd", "10.0.0.1 $(id)", "*", "a|b"])
def test_what_is_no_address_ends_the_start(wrong: str, tmp_path: Path) -> None:
    env = {**os.environ, "TRUSTED_PROXY": wrong, "NGINX_SETTINGS": str(tmp_path / "settings")}
    done = subprocess.run(
        [ROOT / "nginx" / "settings.sh"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("TRUSTED_PROXY: ")


def test_where_nginx_runs_its_image_writes_the_settings_at_each_start() -> None:
    """A script without the right to be executed is passed over by the image."""
    script = ROOT / "nginx" / "settings.sh"
    assert script.stat().st_mode & 0o111 == 0o111
    place = "/docker-entrypoint.d/25-shopsight.sh"
    assert place in (ROOT / "docker-compose.yml").read_text()
    assert place in (ROOT / "nginx" / "Dockerfile").read_text()


CLIENTS = {
    "203.0.113.77": "203.0.113.0",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1::",
    "2001:db8::77": "2001:db8::",
    "fd00::77": "fd00::",
}


def test_what_is_logged_of_a_client_is_its_network(start: Start, gateway: StandInGateway) -> None:
    nginx = start(TRUSTED_PROXY="127.0.0.0/8", ERROR_LOG="/dev/null", RATE_BURST="1")
    for client in CLIENTS:
        for _ in range(3):  # the second or third is refused, of which nginx writes an error
            httpx.post(f"{nginx.url}{PATH}", content=b"{}", headers={"x-forwarded-for": client})
    wait_until("log lines", lambda: len(nginx.access_log()) == 3 * len(CLIENTS))
    assert {line["client"] for line in nginx.access_log()} == set(CLIENTS.values())
    for client in CLIENTS:
        assert f'"{client}"' not in nginx.log.read_text()
        assert f"client: {client}" not in nginx.log.read_text()


def test_while_somebody_attacks_whole_addresses_are_logged(
    start: Start, gateway: StandInGateway
) -> None:
    nginx = start(TRUSTED_PROXY="127.0.0.0/8", LOG_CLIENTS="full")
    for client in CLIENTS:
        httpx.post(f"{nginx.url}{PATH}", content=b"{}", headers={"x-forwarded-for": client})
    wait_until("log lines", lambda: len(nginx.access_log()) == len(CLIENTS))
    assert [line["client"] for line in nginx.access_log()] == list(CLIENTS)
