"""What a gateway and its forwarder's process say to each other: JSON, one message a line."""

import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sqlalchemy import URL, make_url

from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox.metrics import Counts
from gateway.log.outbox.spool import Durability


@dataclass(frozen=True)
class ForwarderOptions:
    """What a forwarder has to know, told in the first message: the gateway's spool, and of the
    settings some. To read all of them takes imports, and these take 7 MB a process."""

    spool: str
    spool_dir: str
    log_durability: Durability
    spool_max_bytes: int
    spool_reserve_bytes: int
    database_url: str = field(repr=False)
    """With its password."""
    log_level: str

    @property
    def sqlalchemy_url(self) -> URL:
        return make_url(self.database_url)


@dataclass(frozen=True)
class ForwarderReport:
    """How forwarding stands, told after each look at the spools. Counts are since the process
    began."""

    removed: tuple[int, int] = (0, 0)
    """Events and bytes that have left the gateway's own spool."""
    adopted: tuple[int, int] = (0, 0)
    """Events and bytes that wait in spools of dead gateways."""
    own_is_writable: bool = True
    lag_s: float = 0.0
    counts: Counts = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        return {"report": asdict(self)}

    @classmethod
    def read(cls, wire: dict[str, Any]) -> Self:
        pairs = {name: tuple(wire[name]) for name in ("removed", "adopted")}
        return cls(**{**wire, **pairs})


class ForwarderConnection:
    """One end of the socket."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lines = end.makefile("rb")

    def tell(self, **message: Any) -> None:
        """Raises OSError where the other end is gone."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        """Until the other end is gone."""
        try:
            for line in self._lines:
                if line.endswith(b"\n"):  # else it died while it wrote
                    yield json.loads(line)
        except OSError:
            return

    def start(self, options: ForwarderOptions, lock: int) -> None:
        """The gateway's first message, and the lock of its spool, which both then hold."""
        socket.send_fds(self._socket, [b"\0"], [lock])
        self.tell(**asdict(options))

    def started(self) -> tuple[ForwarderOptions, int] | None:
        """Wait for the first message; None where the gateway left without one."""
        _, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        options = next(self.messages(), None)
        return (ForwarderOptions(**options), descriptors[0]) if options else None

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def named(answers: Sequence[GivenAnswer]) -> list[tuple[str, str, str]]:
    """Cached answers as a message names them."""
    return [(given.revision, given.image, given.key) for given in answers]


def answers_named(names: Sequence[Sequence[str]]) -> list[GivenAnswer]:
    return [GivenAnswer(*name) for name in names]
