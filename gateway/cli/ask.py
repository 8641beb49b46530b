"""`shopsight ask`: asks one question from the terminal and streams the answer."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Answered:
    text: str
    cache: str
    seconds: float


def ask(url: str, photo: Path, question: str, *, show: bool) -> Answered:
    """POST /v1/ask, streamed. Raises SystemExit with the server's message if the server refuses,
    and httpx.HTTPError."""
    started = time.perf_counter()
    texts = []
    with photo.open("rb") as file:
        request = httpx.stream(
            "POST",
            f"{url}/v1/ask",
            data={"question": question, "stream": "true"},
            files={"photo": (photo.name, file)},
            timeout=60,
            trust_env=False,
            verify=url.startswith("https"),  # loading certificates takes longer than a cache hit
        )
        with request as answer:
            if answer.status_code != 200:
                answer.read()
                raise SystemExit(_message(answer))
            for text in _texts(answer.iter_lines()):
                texts.append(text)
                if show:
                    print(text, end="", flush=True)
            cache = answer.headers.get("x-cache", "")
    return Answered("".join(texts), cache, time.perf_counter() - started)


def _texts(lines: Iterator[str]) -> Iterator[str]:
    """The texts of the deltas in a stream's lines."""
    for line in lines:
        if line == "data: [DONE]":
            return
        if line.startswith("data: "):
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise SystemExit(chunk["error"]["message"])
            for choice in chunk["choices"]:
                yield choice["delta"].get("content") or ""
    raise SystemExit("The answer broke off; please ask again.")


def _message(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
        message: str = error["message"]
        param = error["param"]
    except (ValueError, LookupError, TypeError):
        return f"The server answered {answer.status_code}."
    return f"{message} ({param})" if param else message


def run(url: str, photo: Path, question: str) -> int:
    if not photo.is_file():
        print(f"There is no file {photo}.", file=sys.stderr)
        return 2
    try:
        answered = ask(url, photo, question, show=True)
    except httpx.ConnectError:
        print(f"Nothing answers at {url}. Start it with `make run`.", file=sys.stderr)
        return 1
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # such as an address without a scheme
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    print(f"\n[{answered.cache}, {answered.seconds * 1000:.0f} ms]", file=sys.stderr)
    return 0
