"""The batch lane as `shopsight batch` speaks to it: over HTTP, and with patience."""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.ask import refusal
from gateway.cli.catalogue import CARD

# A server that restarts, or a network that is away: so long nothing is given up.
PATIENCE_S = 600.0
TRIES_PAUSE_S = 5.0
NEEDS_KEY = (
    "A batch needs an API key with the scope `batch`, which is given by name only:\n"
    "  shopsight keys create TENANT --scopes ask,upload,card,match,batch\n"
    "Give it with --key or in SHOPSIGHT_API_KEY."
)
LATER = "It goes on at the server. The same command shows how far it is and fetches the answers."


class BatchClient:
    """Raises SystemExit with what the server says when it refuses."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(30, write=600, read=120),
            trust_env=False,
            verify=url.startswith("https"),
        )

    def makes_cards(self) -> bool:
        """An address that takes another method is 405, and one that is not there 404."""
        return self._send("GET", CARD, {404, 405}).status_code == 405

    def upload(self, file: Path) -> str:
        def send() -> httpx.Response:
            with file.open("rb") as data:
                form = {"file": (file.name, data)}
                return self._client.post("/v1/files", data={"purpose": "batch"}, files=form)

        return str(self._patiently(send, set()).json()["id"])

    def create(self, file_id: str, endpoint: str) -> str:
        asked = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        # The key is the file's: a request whose answer was lost makes no second batch of it.
        headers = {"idempotency-key": file_id}
        made = self._send("POST", "/v1/batches", set(), json=asked, headers=headers)
        return str(made.json()["id"])

    def batch(self, name: str) -> dict[str, Any] | None:
        """None where the server does not know it any more."""
        answer = self._send("GET", f"/v1/batches/{name}", {404})
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 else None

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        if file_id is None:
            return []
        answer = self._send("GET", f"/v1/files/{file_id}/content", {404})
        text = answer.text if answer.status_code == 200 else ""
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def _send(self, method: str, path: str, expected: set[int], **what: Any) -> httpx.Response:
        return self._patiently(lambda: self._client.request(method, path, **what), expected)

    def _patiently(self, send: Any, expected: set[int]) -> httpx.Response:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer: httpx.Response = send()
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    raise SystemExit(f"{self._client.base_url}: {error}\n{LATER}") from None
                time.sleep(TRIES_PAUSE_S)
                continue
            if answer.is_success or answer.status_code in expected:
                return answer
            if answer.status_code in (401, 403):
                raise SystemExit(f"{refusal(answer)}\n{NEEDS_KEY}")
            waits = answer.status_code in (409, 429, 502, 503)
            if not waits or answer.headers.get("x-should-retry") == "false":
                raise SystemExit(refusal(answer))
            if time.monotonic() > until:
                raise SystemExit(f"{refusal(answer)}\n{LATER}")
            time.sleep(float(answer.headers.get("retry-after") or TRIES_PAUSE_S))
