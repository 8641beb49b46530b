"""Whose a line is: the key of its batch is looked up for each."""

import time
import uuid
from typing import Any

import pytest
from uuid6 import uuid7

from gateway.batch.line import Answer, Line, LineBatch, Pause, pause_after
from gateway.identity.keys import ApiKey, KeyRing
from gateway.identity.scopes import ASK
from gateway.usecases.batch_lines import BatchEndpoint, BatchLines

HASH = "a" * 64
FILE = uuid.UUID(int=uuid7().int)
BATCH = LineBatch(uuid.uuid4(), "acme", HASH[:12], "/v1/ask", FILE)
LINE = Line(BATCH.key, 0, 1, "q", 0, 10, 1, 1, None)


class Roomy:
    """Limits that nobody reaches."""

    def admit(self, caller: Any) -> None:
        return None

    def spend_bytes(self, caller: Any, size: int) -> None:
        return None


async def asked(ring: KeyRing) -> Answer:
    async def ask(body: bytes, interaction: Any, admit: Any) -> dict[str, Any]:
        await admit()
        return {}

    endpoints = {BATCH.endpoint: BatchEndpoint(ASK, ask)}
    lines = BatchLines(endpoints, ring, Roomy(), None)  # type: ignore[arg-type]  # records nothing
    return await lines.ask(BATCH, LINE, {})


async def test_while_nobody_knows_the_keys_a_line_waits() -> None:
    ring = KeyRing()
    ring.complete = False
    answer = await asked(ring)
    assert (answer.status, answer.body["error"]["code"]) == (503, "keys_unavailable")
    assert pause_after(answer, LINE.tries) == Pause(10, counts=False, whose="tenant")
    ring.replace([ApiKey(HASH, "acme")], [])
    assert (await asked(ring)).status == 200


@pytest.mark.parametrize(
    "rows",
    [[], [ApiKey(HASH, "rival")], [ApiKey(HASH, "acme", expires_at=time.time() - 1)]],
    ids=["revoked", "another tenant's", "expired"],
)
async def test_a_line_ends_with_its_key(rows: list[ApiKey]) -> None:
    ring = KeyRing()
    ring.replace(rows, [])
    answer = await asked(ring)
    assert (answer.status, answer.body["error"]["code"]) == (401, "invalid_api_key")
