"""What has been decided about canaries, read out of the rows of their log. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Action = Literal["started", "warmed", "promoting", "promoted", "rolled back", "ended"]
State = Literal["running", "promoting", "promoted", "rolled back", "ended"]

OPEN = ("running", "promoting")
# Whose decision it was, where nobody's hand was in it.
VERDICT = "verdict"


@dataclass(frozen=True)
class Entry:
    number: int
    done_at: datetime
    actor: str
    action: str
    details: Mapping[str, Any]

    def wire(self) -> dict[str, Any]:
        at = self.done_at.isoformat(timespec="seconds")
        return {"at": at, "actor": self.actor, "action": self.action, **self.details}


@dataclass(frozen=True)
class Canary:
    """`number` is that of its start in the log, `last` that of the log's newest row."""

    number: int
    started_at: datetime
    baseline: str
    candidate: str
    share: float
    promote: bool
    """Whether it goes on by itself once it has shown that it is good."""
    promote_after: int
    """Requests of the candidate that show it."""
    slow_ms: float
    state: State
    last: int
    entries: tuple[Entry, ...]

    @property
    def start(self) -> Entry:
        """Which canary it is. Its number may come again, after a backup was restored."""
        return self.entries[0]

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def may_go_back(self) -> bool:
        return self.open or self.state == "promoted"

    @property
    def weights(self) -> dict[str, float]:
        """Those that should be in force."""
        if self.open:
            return {self.baseline: 1 - self.share, self.candidate: self.share}
        return {self.candidate: 1.0} if self.state == "promoted" else self.weights_of_before

    @property
    def weights_of_before(self) -> dict[str, float]:
        """After a rollback. The 0 keeps the candidate out while the baseline is down, too."""
        return {self.baseline: 1.0, self.candidate: 0.0}

    def wire(self) -> dict[str, Any]:
        told = {name: value for name, value in vars(self).items() if name != "entries"}
        return told | {"started_at": self.started_at.isoformat(timespec="seconds")}


def newest_canary(entries: Sequence[Entry]) -> Canary | None:
    """`entries`: the rows from the newest start on, in order. None: there never was one."""
    if not entries or entries[0].action != "started":
        return None
    start, state = entries[0], "running"
    for entry in entries[1:]:
        state = state if entry.action == "warmed" else entry.action
    told = start.details
    return Canary(
        number=start.number,
        started_at=start.done_at,
        baseline=told["baseline"],
        candidate=told["candidate"],
        share=told["share"],
        promote=told["promote"],
        promote_after=told["promote_after"],
        slow_ms=told["slow_ms"],
        state=state,  # type: ignore[arg-type]
        last=entries[-1].number,
        entries=tuple(entries),
    )
