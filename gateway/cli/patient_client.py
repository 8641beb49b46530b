"""HTTP as commands speak it to a gateway that may be busy, may restart, and may be away for a
while."""

import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import httpx

from gateway.cli.ask import refusal

# A server that restarts, or a network that is away: so long nothing is given up.
PATIENCE_S = 600.0
TRIES_PAUSE_S = 5.0
# It asks to be tried again: `request_under_way`, a limit, nginx without a gateway, a full pool.
BUSY = (409, 429, 502, 503)


class GivenUp(Exception):
    """A server refuses, or is away for too long. The message is what it has said. `status` is that
    of its answer, 0 where there was none; `waits` says that another try may help later."""

    def __init__(self, message: str, status: int = 0, *, waits: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.waits = waits


class PatientClient:
    """May be used by several threads at once. Raises GivenUp."""

    def __init__(
        self, url: str, key: str, *, read_s: float = 120.0, busy: Collection[int] = BUSY
    ) -> None:
        """`read_s`: how long an answer may take. `busy`: the statuses that are tried again."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._busy = busy
        self._stopped = threading.Event()
        self.http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(30, write=600, read=read_s),
            trust_env=False,
            verify=url.startswith("https"),
        )

    def send(
        self, method: str, path: str, expected: Collection[int] = (), **what: Any
    ) -> httpx.Response:
        """`expected`: statuses besides those of success that the caller can make something of."""
        return self.patiently(lambda: self.http.request(method, path, **what), expected)

    def patiently(
        self, send: Callable[[], httpx.Response], expected: Collection[int] = ()
    ) -> httpx.Response:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = send()
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    raise GivenUp(f"{self.http.base_url}: {error}", waits=True) from None
                self._pause(TRIES_PAUSE_S)
                continue
            status = answer.status_code
            if answer.is_success or status in expected:
                return answer
            if status not in self._busy or answer.headers.get("x-should-retry") == "false":
                raise GivenUp(refusal(answer), status)
            if time.monotonic() > until:
                raise GivenUp(refusal(answer), status, waits=True)
            self._pause(float(answer.headers.get("retry-after") or TRIES_PAUSE_S))

    def stop(self) -> None:
        """Nobody waits any longer: whoever pauses gives up."""
        self._stopped.set()

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise GivenUp("Stopped.", waits=True)
