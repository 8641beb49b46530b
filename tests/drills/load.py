"""Open-loop load on gateways, as nginx would spread it, with a ledger of what was acknowledged:
requests come when they come, whether earlier ones are answered or not."""

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from contract.text.canonical import canonical
from tests.drills.fleet import Gateway
from tests.support.asking import chat, photo

DEADLINE_S = 31.0
# Questions that are not new come again and again.
OLD = 40
# One that refused a connection is left alone for so long, as by nginx.
DOWN_S = 0.2


@dataclass
class Asked:
    """One request: `status` 0 when no whole answer came."""

    at: float
    gateway: int
    status: int = 0
    code: str = ""
    """The error's, if there was one."""
    took_s: float = 0.0
    cached: str = ""
    """`hit`, `miss` or `joined`."""
    interaction: UUID | None = None
    complete: bool = False
    right: bool = False


@dataclass
class Ledger:
    asked: list[Asked] = field(default_factory=list)

    def in_flight(self, gateway: int, begin: float, end: float) -> int:
        """Requests that were at this gateway at some time between two moments (monotonic)."""
        here = (a for a in self.asked if a.gateway == gateway)
        return sum(a.at <= end and a.at + a.took_s >= begin for a in here)

    @property
    def acknowledged(self) -> set[UUID]:
        """Interactions whose last byte, or `[DONE]`, has come."""
        return {
            a.interaction for a in self.asked if a.interaction and a.complete and a.status == 200
        }

    @property
    def told(self) -> set[UUID]:
        """Those whose client has any whole answer, a refusal among them."""
        return {a.interaction for a in self.asked if a.interaction and a.complete}

    @property
    def errors(self) -> int:
        return sum(a.status != 200 or not a.complete for a in self.asked)

    @property
    def statuses(self) -> dict[str, int]:
        """How requests ended that were not answered; 0: no whole answer came."""
        ended = Counter(f"{a.status} {a.code}".strip() if a.complete else "0" for a in self.asked)
        ended.pop("200", None)
        return dict(ended)

    def all_hits_since(self, begin: float) -> bool:
        """Whether each of the questions that come again was last answered out of the cache. For a
        load of these alone."""
        ended = [a for a in self.asked if a.at > begin and a.complete][-OLD:]
        return len(ended) == OLD and all(a.cached == "hit" for a in ended)

    def last_miss_s(self, begin: float) -> float:
        """Seconds from a moment (monotonic) until the last answer that had to be computed."""
        ends = [a.at + a.took_s for a in self.asked if a.complete and a.cached != "hit"]
        return max((end - begin for end in ends if end > begin), default=0.0)

    @property
    def wrong(self) -> int:
        return sum(a.status == 200 and a.complete and not a.right for a in self.asked)

    def percentile_ms(self, share: float, begin: float = 0.0, end: float = float("inf")) -> float:
        """Of complete answers to requests that came between two moments (monotonic)."""
        times = sorted(a.took_s for a in self.asked if a.complete and begin <= a.at < end)
        return times[int(share * (len(times) - 1))] * 1000 if times else float("nan")


class Load:
    """A context: asks from its own thread until it is left, then waits for what is in flight.
    Every fourth question is new, or as often as `new_every` says; every third is streamed."""

    def __init__(
        self, gateways: list[Gateway], per_s: float, poison_every: int = 0, new_every: int = 4
    ) -> None:
        self._new_every = new_every
        self._gateways = gateways
        self._per_s = per_s
        self._poison_every = poison_every
        self._down_until = [0.0] * len(gateways)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._photo = photo()
        self.ledger = Ledger()

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        asking: set[asyncio.Task[None]] = set()
        begun = time.monotonic()
        for number in itertools.count():
            if self._stop.is_set():
                break
            await asyncio.sleep(begun + number / self._per_s - time.monotonic())
            task = asyncio.create_task(self._ask(number))
            asking.add(task)
            task.add_done_callback(asking.discard)
        await asyncio.gather(*asking)

    async def _ask(self, number: int) -> None:
        question = f"q{number if number % self._new_every == 0 else number % OLD}x"
        if self._poison_every and number % self._poison_every == 0:
            question = f"poison {question}"
        stream = number % 3 == 0
        body = json.dumps(chat(question, self._photo, stream=stream)).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: drill\r\nconnection: close\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        asked = Asked(time.monotonic(), number % len(self._gateways))
        self.ledger.asked.append(asked)
        try:
            async with asyncio.timeout(DEADLINE_S):
                reader, writer = await self._connect(asked)
                try:
                    writer.write(head.encode() + body)
                    answer = await reader.read(-1)
                finally:
                    writer.close()
            self._note(asked, answer, question, stream)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        asked.took_s = time.monotonic() - asked.at

    async def _connect(self, asked: Asked) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the gateway whose turn it is, or to the next that takes the connection."""
        for step in itertools.count():
            number = (asked.gateway + step) % len(self._gateways)
            if step < len(self._gateways) and self._down_until[number] > time.monotonic():
                continue
            try:
                port = self._gateways[number].port
                connection = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                self._down_until[number] = time.monotonic() + DOWN_S
                if step >= 2 * len(self._gateways):
                    raise
            else:
                asked.gateway = number
                return connection
        raise AssertionError

    @staticmethod
    def _note(asked: Asked, answer: bytes, question: str, stream: bool) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if not lines[0].startswith("HTTP/1.1 "):
            return
        asked.status = int(lines[0].split()[1])
        asked.cached = headers.get("x-cache", "")
        if found := headers.get("x-interaction-id"):
            asked.interaction = UUID(found)
        if stream and asked.status == 200:
            asked.complete = b"data: [DONE]" in body
        else:
            asked.complete = len(body) == int(headers.get("content-length", -1))
        if asked.status != 200 and asked.complete:
            asked.code = json.loads(body)["error"]["code"]
        asked.right = canonical(question).encode() in body
