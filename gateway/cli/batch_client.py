"""The batch lane as `shopsight batch` speaks to it: over HTTP, and with patience."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx

from gateway.cli import demo_checkpoint
from gateway.cli.catalogue import CARD
from gateway.cli.patient_client import GivenUp, PatientClient

NEEDS_KEY = (
    "A batch needs an API key with the scope `batch`, which is given by name only:\n"
    "  shopsight keys create TENANT --scopes ask,upload,card,match,batch\n"
    "Give it with --key or in SHOPSIGHT_API_KEY."
)
LATER = "It goes on at the server. The same command shows how far it is and fetches the answers."


class BatchClient:
    """Raises SystemExit with what the server says when it refuses."""

    def __init__(self, url: str, key: str) -> None:
        self._client = PatientClient(url, key)

    def tell_of_demo(self) -> None:
        demo_checkpoint.tell(self._client.http)

    def makes_cards(self) -> bool:
        """An address that takes another method is 405, and one that is not there 404."""
        return self._send("GET", CARD, {404, 405}).status_code == 405

    def upload(self, file: Path) -> str:
        def send() -> httpx.Response:
            with file.open("rb") as data:
                form = {"file": (file.name, data)}
                return self._client.http.post("/v1/files", data={"purpose": "batch"}, files=form)

        try:
            return str(self._client.patiently(send).json()["id"])
        except GivenUp as error:
            raise SystemExit(_told(error)) from None

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
        return [json.loads(line) for line in text.split("\n") if line.strip()]

    def _send(
        self, method: str, path: str, expected: Collection[int], **what: Any
    ) -> httpx.Response:
        try:
            return self._client.send(method, path, expected, **what)
        except GivenUp as error:
            raise SystemExit(_told(error)) from None


def _told(error: GivenUp) -> str:
    if error.status in (401, 403):
        return f"{error}\n{NEEDS_KEY}"
    return f"{error}\n{LATER}" if error.waits else str(error)
