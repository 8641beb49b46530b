"""`shopsight admin`: asks the running gateway's administration, and prints what it says as JSON."""

import ipaddress
import json
import math
import sys
from typing import Any

import httpx

from contract.process.home import home
from gateway.api.server import own_address
from gateway.cli.embedded import ADMINISTRATION
from gateway.config import Settings

# An erasure reads all rows of a person.
TIMEOUT_S = 120


def weights(pairs: list[str], reset: bool) -> int:
    if reset:
        return _weights("DELETE")
    if not pairs:
        return _weights("GET")
    try:
        shares = {name: float(share) for name, _, share in (pair.partition("=") for pair in pairs)}
        if not all(map(math.isfinite, shares.values())):
            raise ValueError
    except ValueError:
        print("Weights are written REVISION=SHARE, as in old=0.9 new=0.1", file=sys.stderr)
        return 2
    return _weights("PUT", json={"weights": shares})


def _weights(method: str, **request: Any) -> int:
    answer = ask_admin(method, "weights", **request)
    for name in (answer or {}).get("not_ready", ()):
        print(f"No ready replica serves {name}, which has a weight.", file=sys.stderr)
    return _shown(answer)


def purge(photo: str | None, revision: str | None, interaction: str | None) -> int:
    wanted = {"image": photo, "revision": revision, "interaction": interaction}
    given = {name: value for name, value in wanted.items() if value is not None}
    return _ask("DELETE", "answers", params=given)


def erase(tenant: str, user: str) -> int:
    answer = ask_admin("DELETE", "users", params={"tenant": tenant, "user": user})
    if not (answer or {}).get("pending"):
        return _shown(answer)
    _shown(answer)
    refused("Not done yet in what is pending. In ten seconds send it again.")
    return 1


def _ask(method: str, what: str, **request: Any) -> int:
    return _shown(ask_admin(method, what, **request))


def _shown(answer: dict[str, Any] | None) -> int:
    if answer is None:
        return 1
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 0


def ask_admin(
    method: str, what: str, timeout_s: float | None = None, **request: Any
) -> dict[str, Any] | None:
    """What the administration answers. None where it does not, or refuses: that is printed."""
    settings = Settings()
    headers = {}
    if token := settings.admin_token.get_secret_value():
        headers["authorization"] = f"Bearer {token}"
    url = f"{_place(settings)}/admin/{what}"
    try:
        answer = httpx.request(
            method, url, headers=headers, timeout=timeout_s or TIMEOUT_S, trust_env=False, **request
        )
    except httpx.ReadTimeout:
        print(f"{url} has not answered yet. What was asked goes on there.", file=sys.stderr)
        if what == "users":
            refused("The erasure may be sent again: it waits for the one before.")
        return None
    except httpx.TransportError as error:
        print(f"{url} does not answer: {type(error).__name__}", file=sys.stderr)
        refused("Is a gateway running here? ADMIN_HOST and ADMIN_PORT say where.")
        return None
    try:
        if answer.is_success:
            told: dict[str, Any] = answer.json()
            return told
        refusal = answer.json()["error"]
        refused(f"{answer.status_code} {refusal['code']}: {refusal['message']}")
    except (ValueError, LookupError, TypeError):
        refused(f"{url} is no administration: it answers {answer.status_code} and no JSON of ours.")
        refused("ADMIN_HOST and ADMIN_PORT say where it is.")
    return None


def refused(why: str) -> None:
    print(why, file=sys.stderr)


def _place(settings: Settings) -> str:
    """`shopsight run` has written down where; else the settings of a gateway say it."""
    written = home() / ADMINISTRATION
    if not settings.model_fields_set & {"admin_host", "admin_port"} and written.exists():
        return written.read_text()
    address = ipaddress.ip_address(own_address(settings.admin_host))
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{settings.admin_port}"
