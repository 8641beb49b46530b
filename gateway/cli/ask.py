"""`shopsight ask`: asks one question from the terminal and streams the answer."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contract.images import MAX_ASPECT, MIN_SIDE
from contract.turns import MAX_TURN_CHARS
from gateway.cli import demo_checkpoint

# What the asker can do about an error, by its code, where the message alone does not say so.
_ADVICE = {
    "invalid_api_key": "Give a key with --key or in SHOPSIGHT_API_KEY. Those who run the stack make"
    " one with `shopsight keys create TENANT`.",
    "missing_scope": "Those who run the stack make another key with `shopsight keys create`.",
    "image_dimensions": f"Each side needs {MIN_SIDE} pixels or more, and one side may be at most"
    f" {MAX_ASPECT} times as long as the other.",
    "image_undecodable": "Open the photo in a viewer and save it again as JPEG or PNG.",
    "invalid_field": f"A question has 1 to {MAX_TURN_CHARS:,} characters.",
    "content_blocked": "Ask something else, or about another photo.",
}


@dataclass(frozen=True)
class Answered:
    text: str
    cache: str
    revision: str
    seconds: float


def ask(url: str, photo: Path, question: str, *, show: bool, key: str = "") -> Answered:
    """POST /v1/ask, streamed. Raises SystemExit with what the server says if it refuses, and
    httpx.HTTPError."""
    started = time.perf_counter()
    texts = []
    with _client(url, key) as client, photo.open("rb") as file:
        request = client.stream(
            "POST",
            "/v1/ask",
            data={"question": question, "stream": "true"},
            files={"photo": (photo.name, file)},
        )
        with request as answer:
            if answer.status_code != 200:
                answer.read()
                raise SystemExit(refusal(answer))
            try:
                for text in _texts(_lines(answer.iter_text())):
                    texts.append(text)
                    if show:
                        print(text, end="", flush=True)
            except (SystemExit, httpx.HTTPError):
                if show and texts:
                    print()  # what is said of it is a line of its own
                raise
            cache = answer.headers.get("x-cache", "")
            revision = answer.headers.get("x-model-revision", "")
    return Answered("".join(texts), cache, revision, time.perf_counter() - started)


def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=60,
        trust_env=False,
        verify=url.startswith("https"),  # loading certificates takes longer than a cache hit
    )


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    """Not httpx's `iter_lines`, which also ends a line at signs within an answer (U+2028)."""
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        yield from lines


def _texts(lines: Iterator[str]) -> Iterator[str]:
    """The texts of the deltas in a stream's lines."""
    for line in lines:
        if line == "data: [DONE]":
            return
        if line.startswith("data: "):
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise SystemExit(_told(chunk["error"]))
            for choice in chunk["choices"]:
                yield choice["delta"].get("content") or ""
    raise SystemExit("The answer broke off; please ask again.")


def refusal(answer: httpx.Response) -> str:
    status = answer.status_code
    try:
        said = _told(answer.json()["error"], f", status {status}")
    except (ValueError, LookupError, TypeError):
        return f"The server answered {status}, not as Shopsight does. Is --url its address?"
    wait_s = answer.headers.get("retry-after")
    return f"{said}\nTry again in {wait_s} s." if wait_s else said


def _told(error: dict[str, Any], status: str = "") -> str:
    """Message, code, and what can be done about it."""
    code, field = error["code"], f", field {error['param']}" if error.get("param") else ""
    advice = _ADVICE.get(code)
    return f"{error['message']}\n[{code}{status}{field}]" + (f"\n{advice}" if advice else "")


def run(url: str, photo: Path, question: str, key: str = "") -> int:
    """0: answered, 1: refused or not reached, 2: the command itself is wrong."""
    key = key.strip()
    if not photo.is_file():
        print(f"There is no file {photo}.", file=sys.stderr)
        return 2
    if not (key.isascii() and key.isprintable()):
        print("The API key has characters that no key has.", file=sys.stderr)
        return 2
    try:
        answered = ask(url, photo, question, show=True, key=key)
    except httpx.ConnectError:
        print(f"Nothing answers at {url}. Start it with `make run`.", file=sys.stderr)
        return 1
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # such as an address without a scheme
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    print(flush=True)
    print(f"[{answered.cache}, {answered.seconds * 1000:.0f} ms]", file=sys.stderr)
    with _client(url, key) as client:
        demo_checkpoint.tell(client, [answered.revision])
    return 0
