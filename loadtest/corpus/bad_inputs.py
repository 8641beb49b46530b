"""`make bad-inputs`: each bad input of `tests/support/bad_inputs.py` goes to a real gateway with a
real replica, straight and through the nginx of compose, and a good question right after it. What is
not as specified is listed. The last line is `RESULT {json}`."""

import contextlib
import json
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from gateway.cli.embedded import embedded_stack
from gateway.identity.keys import hash_key, new_key
from loadtest.corpus.services import GOOD_PHOTO, HANGS_S, errors_in, memory_mb
from tests.support.asking import chat, post
from tests.support.bad_inputs import MARK, BadInput, bad_inputs
from tests.support.limits import ROOMY
from tests.support.nginx_server import name_server, nginx_server


@dataclass(frozen=True)
class Told:
    name: str
    way: str
    said: str
    expected: str
    echoed: bool
    seconds: float

    @property
    def as_specified(self) -> bool:
        return self.said == self.expected and not self.echoed


def ask(url: str, request: bytes) -> tuple[str, bytes]:
    """Status and code of the answer, or the name of what went wrong; and the answer's body."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=HANGS_S) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)  # some is answered before all of it was sent
        try:
            answer = HTTPResponse(client)
            answer.begin()
            body = answer.read()
            error = json.loads(body).get("error", {})
        except (OSError, HTTPException, ValueError) as problem:
            return type(problem).__name__, b""
    return f"{answer.status} {error.get('code', '')}".strip(), body


def tell(given: BadInput, way: str, url: str) -> Told:
    began = time.monotonic()
    said, body = ask(url, given.request)
    seconds = time.monotonic() - began
    echoed = given.status != 200 and MARK.encode() in body
    return Told(given.name, way, said, f"{given.status} {given.code}".strip(), echoed, seconds)


def good_question(url: str, number: int) -> str:
    """What a shopper is told in between: empty when all is well."""
    try:
        answer = post(
            url, {**chat(f"What is it? {number}", GOOD_PHOTO.read_bytes()), "max_tokens": 4}
        )
    except httpx.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == 200 else answer.text


def report(told: list[Told], others: list[str]) -> None:
    for each in sorted(told, key=lambda each: each.seconds)[:-6:-1]:
        print(f"  {each.seconds:6.2f} s  {each.way:<8} {each.name}")
    for each in told:
        if not each.as_specified:
            echo = ", and echoes" if each.echoed else ""
            print(f"UNEXPECTED  {each.way}: {each.name}: {each.said}{echo}, not {each.expected}")
    for other in others:
        print(f"UNEXPECTED  {other}")


def run(folder: Path, show: Callable[[str], None]) -> dict[str, float]:
    keys = f"shop {hash_key(new_key())}"
    with (
        embedded_stack(folder / "home", ANONYMOUS="allow", API_KEYS=keys, **ROOMY) as stack,
        name_server("127.0.0.1") as names,
        nginx_server(folder / "nginx", names, urlsplit(stack.url).port or 0) as nginx,
    ):
        ways = {"gateway": stack.url, "nginx": nginx.url}
        others = [
            f"a good question first: {said}" for said in [good_question(stack.url, 0)] if said
        ]
        before = memory_mb(stack)
        show(f"memory before: {before}")
        told: list[Told] = []
        for given in bad_inputs():
            for way, url in ways.items():
                told.append(tell(given, way, url))
                said = good_question(url, len(told))
                if said:
                    others.append(f"a good question after {given.name} ({way}): {said}")
        after = memory_mb(stack)
        for child in stack.children:
            if child.process.poll() is not None:
                others.append(f"{child.module} has ended")
            others += [f"in a log: {line}" for line in errors_in(child.log)]
    report(told, others)
    return {
        "inputs": len(told),
        "as_specified": sum(each.as_specified for each in told),
        "others": len(others),
        "slowest_s": round(max(each.seconds for each in told), 2),
        **after,
    }


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="shopsight-bad-inputs-") as folder:
        result = run(Path(folder), lambda line: print(line, flush=True))
    print("RESULT " + json.dumps(result))
    return 0 if result["inputs"] == result["as_specified"] and not result["others"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
