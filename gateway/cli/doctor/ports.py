"""The ports of a gateway: free, or taken by a gateway of ours, which is then asked whether it is
ready."""

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from gateway.api.server import is_loopback
from gateway.cli.doctor.finding import Finding, Grade
from gateway.cli.port_holder import holder_of
from gateway.config import Settings

PATIENCE_S = 2.0


def check_ports(settings: Settings) -> Iterator[Finding]:
    host, port = settings.host, settings.gateway_port
    yield from _port("GATEWAY_PORT, or PORT of make run", host, port, _is_gateway)
    yield from _readiness(host, port)
    # `make run` chooses these two itself where nobody has.
    chosen = settings.model_fields_set
    if chosen & {"internal_host", "internal_port"}:
        host, port = settings.internal_host, settings.internal_port
        yield from _port("INTERNAL_PORT", host, port, _is_metrics)
    if chosen & {"admin_host", "admin_port"}:
        yield from _port("ADMIN_PORT", settings.admin_host, settings.admin_port, _is_admin)
    if not settings.admin_token.get_secret_value() and _is_of_a_network(settings.admin_host):
        said = "ADMIN_HOST opens administration to a network: without ADMIN_TOKEN no gateway starts"
        yield Finding("ports", Grade.FAIL, said, "set ADMIN_TOKEN (make run makes one), too")


def _is_of_a_network(host: str) -> bool:
    try:
        places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not all(is_loopback(str(place[0])) for *_, place in places)


def _port(setting: str, host: str, port: int, is_ours: Callable[[str], bool]) -> Iterator[Finding]:
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        said = f"{host} of {setting} has no address"
        yield Finding("ports", Grade.FAIL, said, "correct the name")
        return
    # Behind a name there may be the addresses of other machines; one is to be this machine's.
    faults = [fault for fault in (_fault(*place) for place in places) if fault != "elsewhere"]
    if not faults:
        said = f"{host} of {setting} is no address of this machine"
        yield Finding("ports", Grade.FAIL, said, "correct the name")
    elif faults[0] == "":
        yield Finding("ports", Grade.OK, f"{port} is free ({setting})")
    elif faults[0] == "taken" and is_ours(address_of(host, port)):
        yield Finding("ports", Grade.OK, f"{port} is our gateway's ({setting})")
    elif faults[0] == "taken":
        holder = holder_of(port)
        found = "" if holder else f" (ss -ltnp 'sport = :{port}')"
        advice = f"end it{found}, or choose another {setting}"
        said = f"{port} is taken by {holder or 'another program'}"
        yield Finding("ports", Grade.FAIL, said, advice)
    else:
        said = f"{port} cannot be used: {faults[0]}"
        yield Finding("ports", Grade.FAIL, said, f"choose another {setting}, above 1023")


def _fault(family: int, kind: int, _: int, __: str, place: Any) -> str:
    """Empty where one can listen; `taken`, `elsewhere`, or what the system says."""
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            known = {errno.EADDRINUSE: "taken", errno.EADDRNOTAVAIL: "elsewhere"}
            return known.get(error.errno or 0, error.strerror or "")
    return ""


def _readiness(host: str, port: int) -> Iterator[Finding]:
    """Of the gateway that listens there, if one does."""
    url = address_of(host, port)
    if not _is_gateway(url):
        yield Finding("gateway", Grade.SKIP, "none is running here")
        return
    try:
        parts = httpx.get(f"{url}/readyz", timeout=PATIENCE_S, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        said = f"/readyz does not answer: {type(error).__name__}"
        yield Finding("gateway", Grade.FAIL, said, "see its log")
        return
    if parts.get("ready"):
        yield Finding("gateway", Grade.OK, "ready: a replica answers, and the spool takes events")
    if not parts.get("pool"):
        advice = "see the line `replicas` above, and the gateway's log"
        yield Finding("gateway", Grade.FAIL, "no replica is ready", advice)
    if not parts.get("log"):
        advice = "shopsight log status says what waits; see the line `folders` above"
        yield Finding("gateway", Grade.FAIL, "the spool takes no events", advice)


def address_of(host: str, port: int) -> str:
    """Where a server that listens on `host` is asked from this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_gateway(url: str) -> bool:
    return _said(f"{url}/healthz").replace(" ", "") == '{"status":"alive"}'


def _is_metrics(url: str) -> bool:
    return "gateway_" in _said(f"{url}/metrics")


def _is_admin(url: str) -> bool:
    """With the token or without: what it answers is a form of ours either way."""
    said = _said(f"{url}/admin/weights")
    return '"weights"' in said or '"invalid_api_key"' in said


def _said(url: str) -> str:
    try:
        return httpx.get(url, timeout=PATIENCE_S, trust_env=False).text
    except httpx.HTTPError:
        return ""
