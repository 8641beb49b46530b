"""Shoppers at a steady rate, as open a loop as it gets: nobody waits for the others' answers."""

import itertools
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from contract.text.canonical import canonical
from tests.support.asking import chat, photo, text_of

# Different photos, so that every replica is somebody's favourite. That is chance, by digest and
# address: of 12 photos none was one of three replicas' in one run of 130.
PHOTOS = [photo(seed) for seed in range(48)]
_numbers = itertools.count()


@dataclass
class Asked:
    question: str
    body: dict[str, object]
    status: int
    text: str
    seconds: float
    at: float


@dataclass
class Load:
    """Asks new questions at `per_s` from `start` to `stop`; the answers are in `asked`."""

    url: str
    per_s: float
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            base_url=self.url, timeout=40, limits=httpx.Limits(max_connections=200)
        )
        self._threads = ThreadPoolExecutor(100)
        self._stop = threading.Event()
        self._pacer = threading.Thread(target=self._pace, daemon=True)
        self._futures: list[Future[None]] = []

    def __enter__(self) -> "Load":
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()
        self._threads.shutdown(wait=True)
        for future in self._futures:
            future.result()
        self._client.close()

    @property
    def failed(self) -> list[Asked]:
        return [one for one in self.asked if one.status != 200]

    @property
    def wrong(self) -> list[Asked]:
        """Answers that are not the answer to their question."""
        return [
            one
            for one in self.asked
            if one.status == 200 and one.text != f"关于「{canonical(one.question)}」:好"
        ]

    def _pace(self) -> None:
        begun = time.monotonic()
        for number in itertools.count():
            self._futures.append(self._threads.submit(self._ask))
            due = begun + (number + 1) / self.per_s
            if self._stop.wait(max(0, due - time.monotonic())):
                return

    def _ask(self) -> None:
        number = next(_numbers)
        question = f"question {number}?"
        body = chat(question, PHOTOS[number % len(PHOTOS)])
        begun = time.monotonic()
        answer = self._client.post("/v1/chat/completions", json=body)
        text = text_of(answer) if answer.status_code == 200 else answer.text
        seconds = time.monotonic() - begun
        self.asked.append(Asked(question, body, answer.status_code, text, seconds, begun))
