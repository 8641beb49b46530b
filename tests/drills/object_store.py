"""Uploads in an object store that gateways share, where they share no folder: OpenStack Swift by
its S3 interface. The store goes away and comes back, then a gateway is killed. What was kept can be
asked about at the other one. Without the store (the control) the same check must find losses."""

import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.drills.fleet import Fleet, fleet
from tests.drills.verdict import Verdict
from tests.support.asking import photo
from tests.support.servers import wait_until
from tests.support.swift_server import swift_server

PREFIX = "drill"
AWAY = (503, "image_store_unavailable")
# Uploads of one stretch of time, on a slow machine, too: each gateway gets some.
FEWEST = 4
QUESTION = "What is it?"


@dataclass
class Shopper:
    """Uploads photos, at one gateway after the other, and asks about them."""

    up: Fleet
    client: httpx.Client
    kept: dict[str, bytes] = field(default_factory=dict)
    """Uploads that were acknowledged, by their id."""
    refused: int = 0
    """Uploads while the store was away, whose sender was told so."""
    failed: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    uploads: int = 0

    def upload(self) -> bool:
        data = photo(self.uploads)
        self.uploads += 1
        answer = self._send("/v1/images", self.uploads % 2, content=data)
        if answer.status_code in (200, 201):
            self.kept[answer.json()["id"]] = data
            return True
        self._count(answer)
        return False

    def ask(self, name: str, gateway: int) -> bool:
        body = {"image_id": name, "prompt": QUESTION}
        return self._send("/v1/chat/completions", gateway, json=body).status_code == 200

    def _send(self, path: str, gateway: int, **request: object) -> httpx.Response:
        self.asked += 1
        return self.client.post(self.up.gateways[gateway].url + path, **request)  # type: ignore[arg-type]

    def _count(self, answer: httpx.Response) -> None:
        code = answer.json()["error"]["code"]
        if (answer.status_code, code) == AWAY:
            self.refused += 1
        else:
            self.failed[f"{answer.status_code} {code}"] += 1


def drill(calm_s: float = 5, away_s: float = 5, shared: bool = True) -> Verdict:
    name = "object_store" if shared else "object_store_without_store"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-drill-")))
        store = stack.enter_context(swift_server(folder / "swift")) if shared else None
        up = stack.enter_context(fleet(0))
        known = store.settings(PREFIX) if store is not None else {}
        up.environment |= {setting.upper(): value for setting, value in known.items()}
        up.environment |= {"SESSION_SECRET": "the same everywhere"}
        for number in range(2):
            gateway = up.add_gateway(IMAGE_DIR=str(folder / f"images-{number}"))
            wait_until("gateway", lambda gateway=gateway: gateway.is_ready)  # type: ignore[misc]
        shopper = Shopper(up, stack.enter_context(httpx.Client(timeout=60, trust_env=False)))
        _shop(shopper, calm_s)
        recovery_s = 0.0
        if store is not None:
            store.stop()
            _shop(shopper, away_s)
            store.start()
            begun = time.monotonic()
            wait_until("uploads are kept again", shopper.upload, 60)
            recovery_s = time.monotonic() - begun
            _shop(shopper, calm_s)
        up.gateways[0].kill()
        lost = [each for each in shopper.kept if not shopper.ask(each, gateway=1)]
        objects = len(store.files(PREFIX)) if store is not None else len(shopper.kept)
        failed = shopper.failed.total()
        return Verdict(
            name,
            lost=len(lost),
            doubled=max(0, objects - len(shopper.kept)),
            wrong=0,
            error_rate=failed / shopper.asked,
            recovery_s=recovery_s,
            more={
                "failed": failed,
                "ended": dict(shopper.failed),
                "kept": len(shopper.kept),
                "refused": shopper.refused,
            },
        )


def _shop(shopper: Shopper, seconds: float) -> None:
    """Uploads, and questions about the first photo, whose answer is in the cache."""
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until or rounds < FEWEST:
        rounds += 1
        shopper.upload()
        first = next(iter(shopper.kept), None)
        if first is not None and not shopper.ask(first, gateway=rounds // 2 % 2):
            shopper.failed["a question that was answered before"] += 1
