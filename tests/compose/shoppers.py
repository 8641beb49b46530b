"""Shoppers who ask without end while something is done to the stack, and what they got."""

import itertools
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from types import TracebackType

import httpx

from tests.support.asking import chat, photo

# Longer than a gateway gives any question.
TIMEOUT_S = 40


class Shoppers:
    """So many, each asks one question after the other, after a pause. Every third question is new,
    and the others were asked before. `tokens`: fewer than an answer has would never be cached."""

    def __init__(self, url: str, number: int, *, pause_s: float = 0.3, tokens: int = 48) -> None:
        self._url = url
        self._pause_s = pause_s
        self._tokens = tokens
        self._stop = threading.Event()
        self._count = itertools.count()
        self._photos = [photo(seed) for seed in range(12)]
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(number)]
        self.ended: list[tuple[str, str]] = []
        """How each question ended (its status, or the error's name), and its request id."""
        self.told: list[str] = []
        """When each failure came, and what it said: to be found in the logs again."""
        self.failed_at: list[float] = []
        """When each question that failed was asked (monotonic)."""

    def __enter__(self) -> "Shoppers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> Counter[str]:
        return Counter(how for how, _ in self.ended if how != "200")

    @property
    def request_ids(self) -> list[str]:
        """Of what was answered."""
        return [request_id for how, request_id in self.ended if how == "200"]

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=TIMEOUT_S) as client:
            while not self._stop.is_set():
                number = next(self._count)
                asked = f"Is it new, number {number}?" if number % 3 == 0 else "Is it old?"
                data = self._photos[number % len(self._photos)]
                body = chat(asked, data, max_tokens=self._tokens)
                client.cookies.clear()  # each question is another shopper's
                asked_at = time.monotonic()
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.HTTPError as error:
                    self.ended.append((type(error).__name__, ""))
                    self.failed_at.append(asked_at)
                else:
                    how = str(answer.status_code)
                    self.ended.append((how, answer.headers.get("x-request-id", "")))
                    if how != "200":
                        self.failed_at.append(asked_at)
                        waited = f"after {time.monotonic() - asked_at:.1f} s"
                        now = f"{datetime.now(UTC):%H:%M:%S.%f}"
                        self.told.append(f"{now} {how} {waited} {answer.text}")
                self._stop.wait(self._pause_s)
