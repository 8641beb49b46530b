"""What the programs in Python share: their arguments, photos, uploads and votes by plain HTTP."""

import base64
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

URL, FEATURE, *PATHS = sys.argv[1:]
QUESTION = "这是真皮吗?"
SESSION = "x-shopsight-session"
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"type": "string"}},
    "required": ["kind"],
    "additionalProperties": False,
}
UNSUPPORTED = 3


def photo(number: int = 0) -> bytes:
    return Path(PATHS[number]).read_bytes()


def turn(text: str, *urls: str) -> dict[str, Any]:
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


def data_uri(number: int = 0) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo(number)).decode()


def upload() -> tuple[str, dict[str, str]]:
    """The id, and the header that says whose it is."""
    answer = httpx.post(f"{URL}/v1/images", content=photo()).json()
    return answer["id"], {SESSION: answer["session"]}


def vote(name: str, headers: Mapping[str, str]) -> Any:
    body = {"interaction_id": name, "vote": "up"}
    return httpx.post(f"{URL}/v1/feedback", json=body, headers=dict(headers)).json()


def run(features: dict[str, Callable[[], Any]]) -> None:
    if FEATURE not in features:
        sys.exit(UNSUPPORTED)
    print(json.dumps(features[FEATURE](), default=str))
